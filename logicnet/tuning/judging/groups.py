"""Which miners get the same task: those of about the same record, drawn with a seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from logicnet.tuning.judging.rules import Fate


@dataclass(frozen=True)
class JudgedRecord:
    """Of one miner in all earlier tasks."""

    tasks: int = 0
    met: int = 0  # other miners of these tasks
    beaten: int = 0  # of them

    @property
    def strength(self) -> float:
        """The share that it beats, drawn towards a half while little is known (Laplace)."""
        return (self.beaten + 1) / (self.met + 2)


def records_of(judgements: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, JudgedRecord]:
    """From the results of earlier tasks, each with the best first. Only a ranked miner beats others."""
    found: dict[str, JudgedRecord] = {}
    for results in judgements:
        for place, one in enumerate(results):
            before = found.get(one["miner"], JudgedRecord())
            beaten = len(results) - place - 1 if one["fate"] == Fate.RANKED else 0
            found[one["miner"]] = JudgedRecord(
                before.tasks + 1, before.met + len(results) - 1, before.beaten + beaten
            )
    return found


def group_of(
    miners: Sequence[str], records: Mapping[str, JudgedRecord], size: int, seed: int
) -> tuple[str, ...]:
    """`size` miners at most: one of those with the fewest tasks, and those whose records are nearest to it.

    The same for a seed, in whatever order `miners` are given.
    """
    luck = Random(seed)  # noqa: S311 (no secret)
    drawn = sorted(miners)
    luck.shuffle(drawn)
    if not drawn:
        return ()
    record = {miner: records.get(miner, JudgedRecord()) for miner in drawn}
    first = min(drawn, key=lambda miner: record[miner].tasks)
    near = sorted(drawn, key=lambda miner: abs(record[miner].strength - record[first].strength))
    near.remove(first)
    return tuple(sorted([first, *near[: size - 1]]))
