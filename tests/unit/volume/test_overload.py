"""One warning before answers are lost: never for hard questions, nor for early failures."""

from __future__ import annotations

from dataclasses import dataclass, field

from logicnet.events import Admitted, Announced, Answered, EpochCount, HungUp, NonceAccepted
from logicnet.protocol import Hotkey
from logicnet.volume.overload import LATE_SHARE, QUIET_ANSWERS, REPEAT_S, WINDOW, OverloadMonitor

ALICE = Hotkey("5Alice")
ALLOWED_S = 60.0


@dataclass
class Day:
    """A miner's events, and the warnings."""

    now_s: float = 1e9
    warnings: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.monitor = OverloadMonitor(512, 600.0, self.warnings.append)

    def epoch(self, given: int) -> EpochCount:
        return EpochCount(ALICE, self.now_s, 80, given, 0)

    def admitted(self) -> str:
        self.number += 1
        name = str(self.number)
        self.monitor(
            Admitted(
                self.now_s, name, ALICE, "classic", "t", "Logic", "2+2?", ALLOWED_S, self.epoch(self.number)
            )
        )
        return name

    def answered(self, name: str, seconds: float, outcome: str = "solved") -> None:
        self.monitor(Answered(self.now_s, name, ALICE, "direct", outcome, seconds, "steps", "4"))

    def burst(self, seconds: float, outcome: str = "solved", size: int = 8) -> None:
        """So many at once, all answered after `seconds`."""
        names = [self.admitted() for _ in range(size)]
        self.now_s += seconds
        for name in names:
            self.answered(name, seconds, outcome)


LATE_S = LATE_SHARE * ALLOWED_S + 1


def test_late_answers_under_load_warn_before_one_is_lost():
    day = Day()
    for _ in range(3):
        day.burst(30.0)
    assert day.warnings == []
    day.burst(LATE_S)
    (line,) = day.warnings
    assert "--miner.epoch_volume 512 in 600 s" in line
    assert "logicnet volume advise" in line
    assert "not solved" not in line
    assert "5 took over 80% of their time" in line  # at the fifth, not after the burst
    assert "validators may ask 48 more now" in line


def test_one_warning_is_enough():
    day = Day()
    for _ in range(20):
        day.burst(LATE_S)
    assert len(day.warnings) == 1
    day.now_s += REPEAT_S
    day.burst(LATE_S)
    assert len(day.warnings) == 2


def test_answers_that_are_lost_are_counted():
    day = Day()
    day.burst(30.0, size=WINDOW - 4)
    day.burst(59.0, "late", size=4)
    assert day.warnings == []
    day.burst(59.0, "waited")
    assert "and 5 were not solved in time" in day.warnings[0]


def test_rare_hard_questions_are_no_overload():
    day = Day()
    for _ in range(10):
        day.burst(20.0)
        day.burst(LATE_S, size=2)
    assert day.warnings == []


def test_questions_that_take_as_long_without_load_are_no_overload():
    day = Day()
    for _ in range(QUIET_ANSWERS):
        day.burst(LATE_S, size=1)
    for _ in range(4):
        day.burst(LATE_S)
    assert day.warnings == []


def test_one_challenge_at_a_time_is_no_load():
    day = Day()
    for _ in range(100):
        day.burst(LATE_S, size=1)
    assert day.warnings == []


def test_early_failures_are_no_overload():
    day = Day()
    for _ in range(10):
        day.burst(0.1, "failed")
    assert day.warnings == []


def test_callers_that_hang_up_late_count_and_those_that_leave_at_once_do_not():
    for seconds, told in ((LATE_S, 1), (0.5, 0)):
        day = Day()
        for _ in range(2):
            for name in [day.admitted() for _ in range(WINDOW)]:
                day.monitor(HungUp(day.now_s, name, ALICE, seconds))
        day.burst(LATE_S if told else 1.0)
        assert len(day.warnings) == told


def test_an_ended_epoch_expects_no_more_challenges():
    day = Day()
    day.burst(30.0)
    day.now_s += 700.0
    day.monitor(Announced(day.now_s, EpochCount(Hotkey("5Bob"), day.now_s, 7, 3, 0)))
    names = [day.admitted() for _ in range(WINDOW)]
    day.monitor(Announced(day.now_s, EpochCount(ALICE, day.now_s - 601.0, 80, 24, 0)))
    for name in names:
        day.answered(name, LATE_S)
    assert "validators may ask 4 more now" in day.warnings[0]


def test_other_events_and_unknown_challenges_are_ignored():
    day = Day()
    day.monitor(NonceAccepted("classic:5Alice:x", 1))
    for _ in range(100):
        day.answered("unheard", LATE_S)
    assert day.warnings == []


def test_an_abandoned_challenge_is_no_load_for_ever():
    day = Day()
    day.admitted()  # something broke, and nobody says that it ended
    day.now_s += 3600.0
    for _ in range(QUIET_ANSWERS):
        day.burst(LATE_S, size=1)
    for _ in range(WINDOW // 8):
        day.burst(LATE_S)
    assert day.warnings == []  # it is as late in quiet times
