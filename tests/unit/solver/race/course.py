"""What races are run on: a scripted server, profiles, and which of the race's requests one is."""

from __future__ import annotations

from typing import Any, Literal

from logicnet.llm import Endpoint, Retrying
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.profiles import Profile, SamplerProfile
from logicnet.solver.race.samplers import Samplers
from logicnet.solver.race.solver import RaceSolver
from logicnet.solver.sandbox.sandbox import Sandbox
from tests.harness.own_time import after
from tests.harness.scripted_model import Json

QUESTION = (
    "Natalia sold 48 clips to her 5 friends in April, and then she sold half as many clips in May. "
    "How many clips did she sell altogether?"
)
STEPS = "In May she sold 48 / 2 = 24 clips. Together these are 48 + 24 = 72 clips.\n\nThe answer is 72."
PROGRAM = "april = 48\nmay = april / 2\nprint(april + may)"

FORMULA = '{"formula": "48 + 48/2"}'

Asked = Literal["reason", "program", "check", "formal", "short", "forced"]


def asked(body: Json) -> Asked:
    """Which of the race's requests this is."""
    last = body["messages"][-1]
    if last["role"] == "assistant":
        return "forced" if last["content"].endswith("So the final answer is") else "short"
    if "response_format" in body or "as one formula" in last["content"]:
        return "formal"
    if "a solution of it" in last["content"]:
        return "check"
    if "Python program" in last["content"]:
        return "program"
    shots = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return "program" if any("print(" in shot for shot in shots) else "reason"


def as_asked(body: Json) -> str:
    """The text of a model that does as it is told."""
    texts = {"reason": STEPS, "program": PROGRAM, "check": PROGRAM, "formal": FORMULA, "short": STEPS}
    return {**texts, "forced": " 72."}[asked(body)]


def in_harmony(thoughts: str, said: str) -> str:
    """As gpt-oss writes, where the server does not read its channels."""
    return (
        f"<|channel|>analysis<|message|>{thoughts}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{said}<|return|>"
    )


def profile(**words: Any) -> Profile:
    """A chat model's profile with a few samplers, or with other words."""
    samplers: dict[str, Any] = {
        "reason": SamplerProfile(samples=3, most=6, temperature=0.7, max_tokens=400),
        "program": SamplerProfile(samples=1, most=3, temperature=0.5, max_tokens=200),
    }
    return Profile(name="test", models=("*",), **{**samplers, **words})


def samplers(
    models: Endpoint,
    sandbox: Sandbox,
    exact: Exact,
    *,
    question: str = QUESTION,
    seconds: float = 30.0,
    as_profile: Profile | None = None,
) -> Samplers:
    return Samplers(question, as_profile or profile(), after(seconds), Retrying(models), sandbox, exact)


class NoExact(Exact):
    """No worker that computes: it takes a second to start, and most tests are not about it."""

    async def start(self) -> None: ...

    async def solve(self, question: str, caller: str = "") -> None: ...


def plain_sandbox() -> Sandbox:
    """One that starts at once, because it imports no sympy: its kernel is said to confine nothing."""
    return Sandbox(without=("seccomp",))


def without_exact(race: RaceSolver) -> RaceSolver:
    race._exact, race._sandbox = NoExact(), plain_sandbox()
    return race
