"""The real race against a scripted 7B chat model, beside what the simulation says of the same questions.

    python benchmarks/stopping_real.py                   # 200 questions, some seven minutes of mostly waiting
    python benchmarks/stopping_real.py --questions 40

`RaceSolver` itself, over HTTP, in real time: what `_seven_b.py` scripts is served by a model server that
speaks OpenAI's protocol at 60 tokens/s and slows with each sampler, one batch for each question. Against it
fixed n: the same solver, made to begin n samplers and to wait for all of them. All ask the same questions and
hear the same traces in the same order; only when they stop differs. Half the questions are GSM8K's, half
MATH's, from the same seeds that benchmarks/stopping.py reports.

The validator's reward is reckoned with the same similarity for every reply. `foretold` is what the
simulation (`_policies.py`) says of these questions. Programs are left out: no figures tell how they
go together with reasoning in a 7B model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the harness of the tests

from _policies import DEADLINE_S, Fixed, Ours, Played, Policy
from _results import interval
from _seven_b import CHAT_SPEED, FIRST_TOKEN_S, GSM8K, MATH, RIGHT, Family, Scripted, called, questions
from stopping import REPORTED, chat_profile, chats

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Endpoint
from logicnet.protocol import Challenge
from logicnet.solver import Setup
from logicnet.solver.race.profiles import Profile
from logicnet.solver.race.reply import Closest
from logicnet.solver.race.solver import RaceSolver
from tests.harness.paced_model import PacedModel, Said
from tests.harness.scripted_model import Json

MODEL = "scripted-7b-chat"  # the profile for chat models is the one that matches
FIXED = (1, 2, 4, 8, 16)
RACE = "the race"
AT_ONCE = 8
"""Questions of each solver in flight: more are sooner done, and make this machine late."""

_APART_S = 0.5  # between the first questions, which would all connect at once else
_ASKED = re.compile(r"\[(.+?)\]")


class Raced(RaceSolver):
    """The race as it is, reasoning only. With `fixed`, it begins so many and waits for all."""

    def __init__(self, fixed: int = 0, at_once: int = 1) -> None:
        self._fixed, self._at_once = fixed, at_once
        super().__init__(Setup(model=MODEL))
        self._closest = _ByWords()  # similarity is not measured here
        if fixed:  # paid for waiting, it never stops before the last sampler has ended
            self._prices = replace(self._prices, second=-1e-6)

    def _use(self, profile: Profile) -> None:
        # Long enough for every scripted trace: how a cut one is concluded is not scripted.
        samplers = {"max_tokens": 4096} | (
            {"samples": self._fixed, "most": self._fixed} if self._fixed else {}
        )
        none = {"samples": 0, "most": 0}
        super()._use(
            profile.model_copy(
                update={
                    "reason": profile.reason.model_copy(update=samplers),
                    "program": profile.program.model_copy(update=none),
                }
            )
        )
        # Each question has a server of its own, and is to find it empty.
        self._scheduler.calls = profile.calls * self._at_once


class _ByWords(Closest):
    def start(self) -> None:
        """Load no embedding model."""


class Teller:
    """Says the traces of the question that is asked, one after the other."""

    def __init__(self, asked: list[Scripted]) -> None:
        self._traces = {one.name: one.traces["reason"] for one in asked}
        self.told: Counter[str] = Counter()

    def __call__(self, body: Json) -> Said:
        found = _ASKED.search(body["messages"][-1]["content"])
        if found is None:  # a probe
            return Said("Hello.", 2, -0.1, "")
        name = found[1]
        trace = self._traces[name][self.told[name]]
        self.told[name] += 1
        steps = (f"Step {n}: {n} and {n + 7} make {n + n + 7}. " for n in range(1, trace.tokens // 16 + 2))
        text = "".join(steps) + f"The answer is {called(name, trace.key)}."
        return Said(text, trace.tokens, trace.confidence, name)


def worded(question: Scripted) -> str:
    return f"Ann counts the marbles in her bags [{question.name}]. How many marbles does she have in the end?"


async def raced(solver: Raced, asked: list[Scripted], at_once: int) -> list[Played]:
    """Plays all, `at_once` at a time, each with all the time that a validator gives."""
    teller = Teller(asked)
    turn = asyncio.Semaphore(at_once)
    async with PacedModel(
        model=MODEL, script=teller, tokens_per_s=CHAT_SPEED.of, first_s=FIRST_TOKEN_S, tick_s=1.0
    ) as server:
        models = Endpoint(server.base_url)

        async def play(place: int, one: Scripted) -> Played:
            async with turn:
                await asyncio.sleep(_APART_S * place if place < at_once else 0.0)
                began_s = time.monotonic()
                try:
                    reply = await solver.solve(Challenge(worded(one)), Deadline.after(DEADLINE_S), models)
                    right = reply.answer == str(called(one.name, RIGHT))
                except ModelError:  # this machine was too busy to serve
                    right = False
                return Played(right, time.monotonic() - began_s, teller.told[one.name])

        try:
            async with solver:
                await models.probe()  # what is imported and connected once is no question's time
                return list(await asyncio.gather(*(play(place, one) for place, one in enumerate(asked))))
        finally:
            await models.close()


async def all_raced(asked: list[Scripted], at_once: int) -> dict[str, list[Played]]:
    """The race and every fixed n, side by side, so that this machine's moods meet all alike."""
    names = {RACE: 0} | {f"fixed {n}": n for n in FIXED}
    runs = (raced(Raced(fixed, at_once), asked, at_once) for fixed in names.values())
    return dict(zip(names, await asyncio.gather(*runs), strict=True))


def foretold(asked: list[Scripted]) -> dict[str, list[Played]]:
    rules: dict[str, Policy] = {RACE: Ours(chats(), chat_profile())}
    rules |= {f"fixed {n}": Fixed(n, trust=chats()) for n in FIXED}
    return {name: [rule.play(one) for one in asked] for name, rule in rules.items()}


def rewards(plays: list[Played]) -> np.ndarray:
    return np.array([play.reward for play in plays])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=200, help="half of each family (200)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"of each solver ({AT_ONCE})")
    asked_for = parser.parse_args()
    families: list[Family] = [GSM8K, MATH]
    asked = questions(families, range(REPORTED, REPORTED + asked_for.questions // 2))
    began_s = time.monotonic()
    real = asyncio.run(all_raced(asked, asked_for.at_once))
    said = foretold(asked)
    ours = rewards(real[RACE])
    shown = Table(title=f"7B chat model, {len(asked)} questions, in real time", title_justify="left")
    columns = ("solver", "reward", "foretold", "race - it, e-4", "right", "seconds", "foretold", "samples")
    for column in columns:
        shown.add_column(column, justify="left" if column == "solver" else "right")
    found: dict[str, object] = {"questions": len(asked), "seconds": round(time.monotonic() - began_s)}
    for name, plays in real.items():
        better = ours - rewards(plays)
        less, more = interval(better)
        shown.add_row(
            name,
            f"{rewards(plays).mean():.4f}",
            f"{rewards(said[name]).mean():.4f}",
            "" if name == RACE else f"{better.mean() * 1e4:+.0f} ({less * 1e4:+.0f} .. {more * 1e4:+.0f})",
            f"{np.mean([play.right for play in plays]):.3f}",
            f"{np.mean([play.seconds for play in plays]):.2f}",
            f"{np.mean([play.seconds for play in said[name]]):.2f}",
            f"{np.mean([play.samples for play in plays]):.1f}",
        )
        found[name] = round(float(rewards(plays).mean()), 4)
    Console(width=130).print(shown)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
