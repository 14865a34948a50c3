"""Which jobs are taken, and in which order: by the operator's limits, and by how such jobs ended before.

A family and task has a record: Beta(1 + done, 1 + failed), the weight of each ended job halved every 30 days.
While the upper 95 % quantile of its share of success is below a half, offers are refused but for a trial, the
first 24 hours after the last failure; each failed trial doubles that time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log, log1p
from typing import get_args

from logicnet.tuning.estimate import Need
from logicnet.tuning.families import FAMILIES
from logicnet.tuning.train.jobfile import Task

HALF_LIFE_S = 30 * 86400.0
TRIAL_S = 86400.0
_MOST_DOUBLINGS = 5  # a month; by then half of the record is forgotten
BAD_SHARE = 0.5
_CONFIDENCE = 0.95

SPARE = 1.25
"""An estimate may be wrong by a quarter before a job is late."""

EXPERT, NOVICE = 0.9, 0.5
"""A customised G.O.D. miner's classes: families that succeed oftener than 0.9 go first, below 0.5 last."""

CLASS_GAIN = 2.0
"""Priority between two classes: as much as 12 hours of waiting (`store.WAIT_GAINS_S`)."""


class NotTaken(StrEnum):
    """Why an offer is not accepted, as metrics count it; in the order of the checks."""

    UNKNOWN_TASK = "unknown_task"
    FAMILY = "family"
    TOO_LONG = "too_long"
    QUEUE_FULL = "queue_full"
    MEMORY = "memory"
    TOO_LATE = "too_late"
    BAD_RECORD = "bad_record"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Offer:
    """A job before it is queued. `hours`: until when the result is wanted; null: no limit but ours."""

    task: str
    family: str
    hours: float | None
    need: Need


@dataclass(frozen=True, slots=True)
class JobLimits:
    """The operator's settings; no `families`: all."""

    families: frozenset[str]
    max_text_hours: float
    max_image_hours: float
    queue_size: int


@dataclass(frozen=True, slots=True)
class FamilyRecord:
    """What is known of a family and task: its jobs by weight, and until when a bad one is not tried again."""

    done: float = 0.0
    failed: float = 0.0
    bad: bool = False
    next_trial_s: float = 0.0

    @property
    def mean(self) -> float:
        return (1 + self.done) / (2 + self.done + self.failed)

    @property
    def upper(self) -> float:
        """The upper 95 % quantile of the share of success."""
        low, high = 0.0, 1.0
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if self._below(middle) < _CONFIDENCE else (low, middle)
        return high

    @property
    def surely_bad(self) -> bool:
        """Whether `upper` is below BAD_SHARE, without searching for it."""
        return self.failed > self.done and self._below(BAD_SHARE) > _CONFIDENCE

    def _below(self, share: float) -> float:
        """The probability that the share of success is below `share`."""
        return _beta_below(share, 1 + self.done, 1 + self.failed)


def _beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its series (DLMF 8.17.8); 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):  # where the mirrored series is the shorter one
        return 1 - _beta_below(1 - x, b, a)
    scale = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a + 1) - lgamma(b))
    term = total = 1.0
    number = 0
    while term > 1e-15 * total:
        term *= x * (a + b + number) / (a + 1 + number)
        total += term
        number += 1
    return scale * total


def record_of(ended: Sequence[tuple[float, bool]], now_s: float) -> FamilyRecord:
    """The record of jobs that ended, with when and whether well; in any order, own faults left out."""
    record, at_s, failed_trials, last_failed_s = FamilyRecord(), now_s, 0, 0.0
    for ended_s, well in sorted(ended):
        record = _aged(record, ended_s - at_s)
        trial = record.surely_bad
        record = FamilyRecord(record.done + well, record.failed + (not well))
        at_s = ended_s
        failed_trials = failed_trials + 1 if trial and not well else 0
        if not well:
            last_failed_s = ended_s
    record = _aged(record, now_s - at_s)
    wait_s = TRIAL_S * 2 ** min(failed_trials, _MOST_DOUBLINGS)
    return FamilyRecord(record.done, record.failed, record.surely_bad, last_failed_s + wait_s)


def _aged(record: FamilyRecord, seconds: float) -> FamilyRecord:
    left = 0.5 ** (max(0.0, seconds) / HALF_LIFE_S)
    return FamilyRecord(record.done * left, record.failed * left)


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What an offer meets. `ahead_hours`: estimated, of what is queued and running, for each slot.

    `free_memory_bytes` are those that are free once our own jobs have ended: they end before it starts.
    """

    now_s: float
    queued: int
    ahead_hours: float
    free_memory_bytes: int
    free_disk_bytes: int
    record: FamilyRecord
    same_pending: int  # jobs of this family and task that are queued or running


@dataclass(frozen=True, slots=True)
class TakenOffer:
    """The offer is accepted. `slack`: spare hours as a share of those offered; 1 without a limit."""

    slack: float


@dataclass(frozen=True, slots=True)
class RefusedOffer:
    """The offer is not accepted; `message` says why, and what mends it."""

    reason: NotTaken
    message: str


def accept(offer: Offer, limits: JobLimits, facts: QueueFacts) -> TakenOffer | RefusedOffer:
    """The first check that fails refuses, in the order of `NotTaken`."""
    for reason, message in _refusals(offer, limits, facts):
        return RefusedOffer(reason, message)
    return TakenOffer(1.0 if offer.hours is None else 1 - _wanted_hours(offer, facts) / offer.hours)


def _wanted_hours(offer: Offer, facts: QueueFacts) -> float:
    return offer.need.hours * SPARE + facts.ahead_hours


def _refusals(offer: Offer, limits: JobLimits, facts: QueueFacts) -> Iterator[tuple[NotTaken, str]]:
    need, record = offer.need, facts.record
    if offer.task not in get_args(Task):
        known = ", ".join(get_args(Task))
        yield NotTaken.UNKNOWN_TASK, f"the task {offer.task!r:.40} is unknown; known are {known}"
    if limits.families and offer.family not in limits.families:
        yield (
            NotTaken.FAMILY,
            f"models of the family {offer.family} are not accepted, only "
            f"{', '.join(sorted(limits.families))}; ACCEPTED_MODEL_FAMILIES takes {', '.join(FAMILIES)}",
        )
    image = offer.task == "image"
    longest = limits.max_image_hours if image else limits.max_text_hours
    hours = need.hours if offer.hours is None else offer.hours
    if hours > longest:
        setting = "MAX_IMAGE_TASK_HOURS" if image else "MAX_TEXT_TASK_HOURS"
        yield (
            NotTaken.TOO_LONG,
            f"{hours:.3g} hours are more than {setting} allows ({longest:g}): ask for less, or raise it",
        )
    if facts.queued >= limits.queue_size:
        yield (
            NotTaken.QUEUE_FULL,
            f"{facts.queued} jobs wait, as many as MAX_QUEUE_SIZE allows: try again later, or raise it",
        )
    if need.memory_bytes > facts.free_memory_bytes:
        yield (
            NotTaken.MEMORY,
            f"training takes about {_gb(need.memory_bytes)} of memory, "
            f"{_gb(facts.free_memory_bytes)} are free when no other job runs: take a smaller model, "
            "max_length or r, or on a GPU quantised=true",
        )
    wanted = _wanted_hours(offer, facts)
    if offer.hours is not None and wanted > offer.hours:
        guess = "" if need.measured else " (a guess, until such a job ends here)"
        takes = f"about {need.hours:.3g} hours{guess}" if need.hours else "a time that is not known"
        yield (
            NotTaken.TOO_LATE,
            f"the job takes {takes}, after {facts.ahead_hours:.3g} hours of others: "
            f"{hours:.3g} hours are too few, with a quarter to spare {wanted:.3g} would do",
        )
    waits_hours = (record.next_trial_s - facts.now_s) / 3600
    if record.bad and (waits_hours > 0 or facts.same_pending):
        again = (
            f"the next is tried in {waits_hours:.1f} hours" if waits_hours > 0 else "one is being tried now"
        )
        yield (
            NotTaken.BAD_RECORD,
            f"{offer.family} {offer.task} jobs fail here: with 95 % probability fewer than "
            f"{record.upper:.0%} succeed; {again}",
        )
    if need.disk_bytes > facts.free_disk_bytes:
        yield (
            NotTaken.DISK,
            f"the job takes about {_gb(need.disk_bytes)} of disk, {_gb(facts.free_disk_bytes)} are free: "
            "free some, or set --tuning.folder",
        )


def priority(record: FamilyRecord, slack: float, rank: float = 0.5) -> float:
    """Greater is sooner; waiting is added by the store. From 0 to 3 x CLASS_GAIN.

    The class of the record comes first, as that miner has it; within it the mean, the rank that the operator
    gave the job (0 to 1), and urgency, 1 - slack: a job with time to spare can wait for one without. Waiting
    gains without end and this does not, so nothing starves.
    """
    step = 2 if record.mean > EXPERT else 0 if record.mean < NOVICE else 1
    urgency = 1 - min(1.0, max(0.0, slack))
    return CLASS_GAIN * (step + (2 * record.mean + rank + urgency) / 4.001)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
