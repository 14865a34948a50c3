"""OverloadMonitor: warns a running miner before it exceeds its capacity, from the times of its answers.

Before the first answer is lost, answers come later and later. A question may be hard without load too, so
only late answers under load count, and only while answers without load come early.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from logicnet.events import Admitted, Announced, Answered, EpochCount, Event, HungUp
from logicnet.protocol import Hotkey

WINDOW = 16  # Answers under load in the window: two of each of a validator's eight lanes

QUIET_ANSWERS = 5
"""Answers to challenges that came alone, which show the time that an answer takes without load."""

LATE_SHARE = 0.8  # Share of its time after which an answer is late
LATE_LIMIT = 0.3  # Share of late answers that is overload; fewer are hard questions
REPEAT_S = 6 * 3600.0  # Least time between two warnings
_ABANDONED_S = 60.0  # A challenge without an end so long after its time never ends: something broke
_MOST_EPOCHS = 1024  # in memory; a subnet has some 256 hotkeys at a time


@dataclass(frozen=True, slots=True)
class _UnderWay:
    at_s: float
    allowed_s: float
    load: int  # challenges under way when it came, itself included


@dataclass(frozen=True, slots=True)
class _Timed:
    late: bool
    lost: bool
    load: int


class OverloadMonitor:
    """A sink of events that calls `warn` with one line when the miner is close to losing answers.

    The line names the configured capacity, `epoch_volume` challenges in `interval_s`.
    """

    def __init__(self, epoch_volume: int, interval_s: float, warn: Callable[[str], None]) -> None:
        self._volume = epoch_volume
        self._interval_s = interval_s
        self._warn = warn
        self._under_way: dict[str, _UnderWay] = {}
        self._alone: str | None = None  # the challenge under way that has had no other beside it
        self._loaded: deque[_Timed] = deque(maxlen=WINDOW)
        self._quiet: deque[_Timed] = deque(maxlen=WINDOW)
        self._epochs: dict[Hotkey, EpochCount] = {}
        self._warned_at_s = float("-inf")

    def __call__(self, event: Event) -> None:
        match event:
            case Announced():
                self._remember(event.epoch)
            case Admitted():
                self._remember(event.epoch)
                self._drop_abandoned(event.at_s)
                self._alone = event.challenge_id if not self._under_way else None
                load = len(self._under_way) + 1
                self._under_way[event.challenge_id] = _UnderWay(event.at_s, event.allowed_s, load)
            case Answered():
                self._ended(event.challenge_id, event.seconds, event.outcome != "solved")
                self._check(event.at_s)
            case HungUp():  # a caller that waited too long, if it did not leave early
                self._ended(event.challenge_id, event.seconds, True)

    def _remember(self, epoch: EpochCount) -> None:
        if len(self._epochs) >= _MOST_EPOCHS:
            self._epochs.clear()
        self._epochs[epoch.validator] = epoch

    def _drop_abandoned(self, now_s: float) -> None:
        """A challenge that never ends would count as load for ever."""
        for challenge_id, begun in [*self._under_way.items()]:
            if now_s - begun.at_s < begun.allowed_s + _ABANDONED_S:
                break  # the next ones came later
            del self._under_way[challenge_id]

    def _ended(self, challenge_id: str, seconds: float, unsolved: bool) -> None:
        begun = self._under_way.pop(challenge_id, None)
        if begun is None:
            return
        late = seconds >= LATE_SHARE * begun.allowed_s  # an earlier failure has another reason
        load = max(begun.load, len(self._under_way) + 1)
        answers = self._quiet if challenge_id == self._alone else self._loaded
        answers.append(_Timed(late, late and unsolved, load))

    def _check(self, now_s: float) -> None:
        late = sum(one.late for one in self._loaded)
        if len(self._loaded) < WINDOW or late < LATE_LIMIT * WINDOW or now_s - self._warned_at_s < REPEAT_S:
            return
        quiet = sum(one.late for one in self._quiet)
        if len(self._quiet) >= QUIET_ANSWERS and quiet >= LATE_LIMIT * len(self._quiet):
            return  # as late without load: less volume would not help
        self._warned_at_s = now_s
        self._warn(self._warning(late, now_s))

    def _warning(self, late: int, now_s: float) -> str:
        lost = sum(one.lost for one in self._loaded)
        load = sum(one.load for one in self._loaded) / len(self._loaded)
        opened_after_s = now_s - self._interval_s
        open_epochs = (one for one in self._epochs.values() if one.started_at_s > opened_after_s)
        more = sum(max(0, epoch.announced - epoch.given) for epoch in open_epochs)
        unsolved = f" and {lost} were not solved in time" if lost else ""
        return (
            f"Near overload at --miner.epoch_volume {self._volume} in {self._interval_s:g} s: of the last "
            f"{WINDOW} answers under load {late} took over {LATE_SHARE:.0%} of their time{unsolved}, with "
            f"{load:.0f} under way; validators may ask {more} more now. `logicnet volume advise` measures a "
            "safe volume."
        )
