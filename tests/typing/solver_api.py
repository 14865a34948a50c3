"""A solver written against the public API alone: mypy --strict must pass on it. Nothing here runs.

`logicnet/py.typed` says that the types of the package may be used; without it mypy would see only Any.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, assert_type

from logicnet.solver import (
    Answer,
    Challenge,
    Completion,
    Deadline,
    Message,
    Models,
    Retrying,
    SamplerVote,
    Setup,
    Solver,
    VoteLog,
    load_solver,
    on_shift,
    solver_names,
)


class TwoDrafts:
    """Everything that a solver may have: a set-up, a beginning and an end, a vote log."""

    def __init__(self, model: str | None = None) -> None:
        self._model = model
        self._pieces: list[str] = []

    @classmethod
    def from_setup(cls, setup: Setup) -> TwoDrafts:
        assert_type(setup.model, str | None)
        assert_type(setup.profiles, Path | None)
        assert_type(setup.costs, Callable[[], bool])
        assert_type(
            [(one.kind, one.sampler, one.right) for one in setup.sampler_records],
            list[tuple[str, str, float]],
        )
        return cls(setup.model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        assert_type(challenge.question, str)
        assert_type(challenge.stake, float)
        assert_type(deadline.remaining_s(), float)
        patient: Models = Retrying(models)
        draft = await patient.complete(
            [Message("user", challenge.question)],
            deadline=deadline.earlier(2.0),
            on_text=self._pieces.append,
            max_tokens=512,
            temperature=0.7,
            confidence=True,
        )
        assert_type(draft, Completion)
        assert_type((draft.text, draft.tokens, draft.confidence), tuple[str, int, float | None])
        short = await models.complete(
            [Message("user", challenge.question), Message("assistant", draft.text)],
            deadline=deadline,
            max_tokens=48,
            regex=r" ?[^\n]{1,100}",
            stop=("\n",),
        )
        vote = SamplerVote("draft", short.text, short.text, draft.confidence, draft.seconds, draft.tokens)
        return Answer(draft.text, short.text, VoteLog("other", (vote,), chosen=short.text))


class Silent:
    """The least that a solver must have."""

    asks_models = False

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer(reasoning="None.", answer="I do not know")


class NotASolver:
    def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer("", "")


solvers: list[Solver] = [TwoDrafts(), TwoDrafts.from_setup(Setup()), Silent()]
refused: Solver = NotASolver()  # type: ignore[assignment]  # it is not async; an unused ignore is an error


async def mine(models: Models, deadline: Deadline) -> Answer:
    solver = load_solver("race", Setup(model="prod"))
    assert_type(solver, Solver)
    assert_type(solver_names(), list[str])
    async with on_shift(solver, "race"):
        return await solver.solve(Challenge("What is 1 + 1?", "", ""), deadline, models)


async def misused(models: Models, deadline: Deadline) -> None:
    await models.complete([Message("user", "Hello")], deadline=deadline)  # type: ignore[call-arg]
    Message("robot", "Hello")  # type: ignore[arg-type]
