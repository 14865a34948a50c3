"""Rewards of answers, as far as they are known: validators do not publish them.

They are known for an answer that a run of our own scored, for a question whose answer the race's `exact`
sampler computed, and for an answer that was not in time, which earns 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.scoring.reward import SILENCE, Reward, with_volume

CUT = 300  # Characters of a text that are compared: `LedgerReader.watched` reads no more


@dataclass(frozen=True, slots=True)
class RewardEstimate:
    correctness: float | None
    reward: float | None
    by: str


UNKNOWN = RewardEstimate(None, None, "")


class Scores:
    def __init__(self, runs: Iterable[Path] = (), epoch_volume: int = 512) -> None:
        """Raises LogicnetError if one of `runs` is not the folder of a run."""
        self.epoch_volume = epoch_volume
        self._scored: dict[bytes, RewardEstimate] = {}
        for run in runs:
            self._read(run)

    def of(self, row: dict[str, Any]) -> RewardEstimate:
        """Of a row of `LedgerReader.watched` with an outcome."""
        if not row["in_time"]:
            return RewardEstimate(None, SILENCE, "silence")
        scored = self._scored.get(_key(row["question"], row["answer"] or ""))
        if scored is not None:
            return scored
        if row["exact"]:
            right = 1.0 if row["chosen"] == row["exact"] else 0.0
            # A validator compares the reasoning with a text that we do not have.
            reward = Reward(right, _USUAL_SIMILARITY, row["seconds"]).value
            return RewardEstimate(right, with_volume(reward, self.epoch_volume), "exact")
        return UNKNOWN

    def _read(self, run: Path) -> None:
        from logicnet.evals.runs.run import read_run  # noqa: PLC0415 (needed for --run only)

        for row in read_run(run).rows:
            if row.answer is not None and (row.reward is not None or row.correctness is not None):
                score = RewardEstimate(row.correctness, row.reward, "run")
                self._scored[_key(row.question[:CUT], row.answer[:CUT])] = score


_USUAL_SIMILARITY = 0.5
"""A validator's own default where it cannot compare. A tenth more or less is 0.015 of reward."""


def _key(question: str, answer: str) -> bytes:
    return hashlib.sha256(f"{question}\0{answer}".encode("utf-8", "replace")).digest()
