"""A job, its states, and what the wire calls them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from logicnet.errors import TuningError
from logicnet.tuning.spec import TrainSpec

TIME_SHARE = 0.95
"""Of the hours granted; the rest is for saving and judging."""

ATTEMPTS = 2
"""A trainer that died is started again from its last checkpoint; the second death ends the job."""


class OwnFault(TuningError):
    """A job fails by no fault of its family: disk, network, a machine, a want of time."""


class EngineAway(TuningError):
    """Where the job is to run does not answer, or has no room for it now; it waits."""


class MemoryTaken(EngineAway):
    """This machine has the memory once trainers that hold it have ended."""


class JobState(StrEnum):
    """Where a job stands. The first five in this order; all from the fifth on end it."""

    QUEUED = "queued"
    PREPARING = "preparing"  # model and data are fetched and checked
    RUNNING = "running"
    JUDGING = "judging"  # the result is loaded again and compared
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def over(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.TIMED_OUT)

    @property
    def wire(self) -> str:
        """Queued, Running, Completed or Failed: the four words of `GET /status/{id}`."""
        if self in (JobState.QUEUED, JobState.COMPLETED):
            return self.value.capitalize()
        return "Failed" if self.over else "Running"


@dataclass(frozen=True)
class Job:
    """A row of the queue."""

    id: str  # 32 hexadecimal digits; a folder's name
    task_id: str  # the caller's name for it; without one, the id
    spec: TrainSpec
    family: str
    state: JobState = JobState.QUEUED
    reason: str = ""  # why it ended so
    own_fault: bool = (
        False  # killed, disk, network, its caller's rows or code: no evidence against the family
    )
    hours: float = 0.0  # that it takes, estimated when it was queued
    priority: float = 0.0  # without waiting; greater is sooner
    attempts: int = 0
    worker: str = ""
    lease_until_s: float = 0.0  # unix seconds, as all below
    created_s: float = 0.0  # accepted, or begun again by hand: its hours count from here
    not_before_s: float = 0.0
    started_s: float | None = None
    ended_s: float | None = None
    result: dict[str, Any] | None = None  # of a completed one: the TrainResult, and the verdict
    cancel: bool = False  # asked for; the worker that holds the lease obeys

    def left_s(self, now_s: float) -> float | None:
        """Seconds that may still be trained; None without a limit.

        They are what is left of its hours since it was accepted, less the share for what comes after.
        """
        hours = self.spec.hours
        return None if hours is None else TIME_SHARE * hours * 3600 - (now_s - self.created_s)
