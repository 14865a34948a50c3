"""Strain: whether a running miner is about to break its promise, told from how its answers come.

Before the first answer is lost, answers come later and later. A question may be hard in quiet times too, so
it is late answers under load that count, and only while those of quiet times are soon done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from logicnet.events import Admitted, Answered, EpochCount, Event, HungUp, Promised
from logicnet.protocol import Hotkey

WINDOW = 16
"""Answers under load that are looked at: two of each of a validator's eight lanes."""

QUIET_ANSWERS = 5
"""Of challenges that came alone, from which it is known how long they take without load."""

NEAR = 0.8
"""An answer that took this share of its time is near to being lost."""

SOME = 0.3
"""Of the answers that are looked at; fewer are hard questions."""

LONG_SILENCE_S = 6 * 3600.0
"""Until the operator is told again."""

_LOST_AFTER_S = 60.0
"""A challenge without an end so long after its time will have none: something broke."""

_MOST_EPOCHS = 1024  # remembered; a subnet has some 256 hotkeys at a time


@dataclass(frozen=True, slots=True)
class _Begun:
    at_s: float
    allowed_s: float
    load: int  # challenges under way when it came, itself among them


@dataclass(frozen=True, slots=True)
class _Seen:
    near: bool
    lost: bool
    load: int


class Strain:
    """A sink of events that calls `tell` with one line, once, before the promise is broken.

    `epoch_volume` challenges in `interval_s` are what is promised, for the line. It keeps only numbers.
    """

    def __init__(self, epoch_volume: int, interval_s: float, tell: Callable[[str], None]) -> None:
        self._volume = epoch_volume
        self._interval_s = interval_s
        self._tell = tell
        self._under_way: dict[str, _Begun] = {}
        self._alone: str | None = None  # the challenge under way that has had no other beside it
        self._loaded: deque[_Seen] = deque(maxlen=WINDOW)
        self._quiet: deque[_Seen] = deque(maxlen=WINDOW)
        self._epochs: dict[Hotkey, EpochCount] = {}
        self._told_at_s = float("-inf")

    def __call__(self, event: Event) -> None:
        match event:
            case Promised():
                self._promised(event.epoch)
            case Admitted():
                self._promised(event.epoch)
                self._forget_lost(event.at_s)
                self._alone = event.challenge_id if not self._under_way else None
                self._under_way[event.challenge_id] = _Begun(
                    event.at_s, event.allowed_s, len(self._under_way) + 1
                )
            case Answered():
                self._ended(event.challenge_id, event.seconds, event.outcome != "solved")
                self._look(event.at_s)
            case HungUp():  # a caller whose patience ended, if it did not leave early
                self._ended(event.challenge_id, event.seconds, True)

    def _promised(self, epoch: EpochCount) -> None:
        if len(self._epochs) >= _MOST_EPOCHS:
            self._epochs.clear()
        self._epochs[epoch.validator] = epoch

    def _forget_lost(self, now_s: float) -> None:
        """One that never ends would count as load for good."""
        for challenge_id, begun in [*self._under_way.items()]:
            if now_s - begun.at_s < begun.allowed_s + _LOST_AFTER_S:
                break  # those that follow came later
            del self._under_way[challenge_id]

    def _ended(self, challenge_id: str, seconds: float, undone: bool) -> None:
        begun = self._under_way.pop(challenge_id, None)
        if begun is None:
            return
        near = seconds >= NEAR * begun.allowed_s  # what broke off sooner broke for another reason
        load = max(begun.load, len(self._under_way) + 1)
        answers = self._quiet if challenge_id == self._alone else self._loaded
        answers.append(_Seen(near, near and undone, load))

    def _look(self, now_s: float) -> None:
        near = sum(one.near for one in self._loaded)
        if len(self._loaded) < WINDOW or near < SOME * WINDOW or now_s - self._told_at_s < LONG_SILENCE_S:
            return
        quiet = sum(one.near for one in self._quiet)
        if len(self._quiet) >= QUIET_ANSWERS and quiet >= SOME * len(self._quiet):
            return  # as late without any load: asking less would not help
        self._told_at_s = now_s
        self._tell(self._in_words(near, now_s))

    def _in_words(self, near: int, now_s: float) -> str:
        lost = sum(one.lost for one in self._loaded)
        load = sum(one.load for one in self._loaded) / len(self._loaded)
        open_s = now_s - self._interval_s
        more = sum(
            max(0, epoch.promised - epoch.given)
            for epoch in self._epochs.values()
            if epoch.started_at_s > open_s
        )
        undone = f" and {lost} were not done in it" if lost else ""
        return (
            f"Close to breaking the promise of {self._volume} challenges in {self._interval_s:g} s: of the "
            f"last {WINDOW} answers under load {near} took over {NEAR:.0%} of their time{undone}, with "
            f"{load:.0f} under way; {more} more may be asked now. `logicnet volume advise` measures how much "
            "is safe."
        )
