"""The first hour of an adapter, judged by the ledger against the hour before it. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from logicnet._util.intervals import wilson

HOUR_S = 3600.0

SLOWER = 1.1
"""An adapter may make the 95th percentile of the seconds a tenth longer, as its proof allowed."""

SURE = 3.3
"""Standard errors, one-sided: 0.0005 for one look. The hour has 120 looks, which are far from independent."""

_EACH = SURE / math.sqrt(2)  # two intervals that do not overlap: each is narrower

OVERLOAD = ("full", "over_quota", "broken")
"""Reasons of a refusal that a slow model causes; forged requests say nothing of it."""

_USUAL = 0.05  # what lies above a 95th percentile; and the silence that is assumed where no hour is known


@dataclass(frozen=True, slots=True)
class Service:
    """What a miner did in a time: seconds of the answers in time, challenges without one, refusals."""

    seconds: tuple[float, ...] = ()
    silent: int = 0
    refused: int = 0

    @property
    def challenges(self) -> int:
        return len(self.seconds) + self.silent

    @property
    def p95_s(self) -> float | None:
        """None for fewer than 20 answers."""
        if len(self.seconds) < 20:
            return None
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]


def service(challenges: Iterable[Mapping[str, Any]], refusals: Iterable[Mapping[str, Any]]) -> Service:
    """Of rows of the ledger. A challenge that is not over yet does not count."""
    over = [row for row in challenges if row["ended_at_s"] is not None and row["outcome"] != "hung_up"]
    in_time = tuple(float(row["seconds"]) for row in over if row["in_time"])
    refused = sum(row["count"] for row in refusals if row["reason"] in OVERLOAD)
    return Service(in_time, len(over) - len(in_time), refused)


def worse(before: Service, after: Service) -> str | None:
    """Why `after` is worse than `before` beyond chance; None if it is not."""
    if _more(after.silent, after.challenges, before.silent, before.challenges):
        return (
            f"{after.silent} of {after.challenges} challenges had no answer in time, "
            f"before {before.silent} of {before.challenges}"
        )
    asked, asked_before = after.challenges + after.refused, before.challenges + before.refused
    if _more(after.refused, asked, before.refused, asked_before):
        return (
            f"{after.refused} of {asked} challenges were refused, before {before.refused} of {asked_before}"
        )
    if before.p95_s is not None:
        slow = sum(one > SLOWER * before.p95_s for one in after.seconds)
        slow_before = sum(one > SLOWER * before.p95_s for one in before.seconds)
        if _more(slow, len(after.seconds), slow_before, len(before.seconds)):
            return (
                f"{slow} of {len(after.seconds)} answers took longer than {SLOWER * before.p95_s:.1f} s, "
                f"before {slow_before} of {len(before.seconds)}"
            )
    return None


def _more(found: int, of: int, found_before: int, of_before: int) -> bool:
    """Whether a share rose beyond chance: the score intervals (Wilson 1927) do not overlap."""
    if found < 3:
        return False
    high = wilson(found_before, of_before, _EACH)[1] if of_before else 2 * _USUAL
    return wilson(found, of, _EACH)[0] > high
