"""A plan, a set of questions and a run, as small as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bittensor.sp_core import Keypair

from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet
from logicnet.evals.runs.folder import RunFolder
from tests.harness.scripted_miner import ScriptedMiner

VALIDATOR = Keypair.create_from_uri("//Validator")
MINERS = [Keypair.create_from_uri(f"//Miner/{number}") for number in range(9)]


def questions(count: int) -> list[Problem]:
    return [Problem(f"What is {n}+{n}?", str(2 * n), "test", "doubling") for n in range(1, count + 1)]


def scripted(number: int = 0, **script: Any) -> ScriptedMiner:
    return ScriptedMiner(MINERS[number], **script)


def plan_for(*miners: ScriptedMiner, **changes: Any) -> ArenaPlan:
    """A plan against `miners`, with no pauses; they are called m0, m1 and so on."""
    given = {
        "target": [miner.address for miner in miners],
        "hotkey": [miner.key.ss58_address for miner in miners],
        "label": [f"m{number}" for number in range(len(miners))],
        "validator": VALIDATOR.ss58_address,
        "stakes": {VALIDATOR.ss58_address: 50_000.0},
        "challenges": "set.jsonl",
        "stagger_s": 0.0,
        "truth": False,
    }
    return ArenaPlan.model_validate(given | changes)


Begin = Callable[[ArenaPlan, Sequence[Problem]], RunFolder]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begins a run in `tmp_path`/run; it is closed after the test."""
    opened: list[RunFolder] = []

    def start(plan: ArenaPlan, problems: Sequence[Problem]) -> RunFolder:
        opened.append(RunFolder.begin(tmp_path / "run", plan, ChallengeSet(problems)))
        return opened[-1]

    yield start
    for run in opened:
        run.close()
