"""Told once, and before the promise is broken: never for hard questions, nor for what fails at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from logicnet.events import Admitted, Answered, EpochCount, HungUp, NonceAccepted, Promised
from logicnet.protocol import Hotkey
from logicnet.volume.overload import LONG_SILENCE_S, NEAR, QUIET_ANSWERS, WINDOW, Strain

ALICE = Hotkey("5Alice")
ALLOWED_S = 60.0


@dataclass
class Day:
    """A miner's events, and what was told."""

    now_s: float = 1e9
    told: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.strain = Strain(512, 600.0, self.told.append)

    def epoch(self, given: int) -> EpochCount:
        return EpochCount(ALICE, self.now_s, 80, given, 0)

    def admitted(self) -> str:
        self.number += 1
        name = str(self.number)
        self.strain(
            Admitted(
                self.now_s, name, ALICE, "classic", "t", "Logic", "2+2?", ALLOWED_S, self.epoch(self.number)
            )
        )
        return name

    def answered(self, name: str, seconds: float, outcome: str = "solved") -> None:
        self.strain(Answered(self.now_s, name, ALICE, "direct", outcome, seconds, "steps", "4"))

    def burst(self, seconds: float, outcome: str = "solved", size: int = 8) -> None:
        """So many at once, all answered after `seconds`."""
        names = [self.admitted() for _ in range(size)]
        self.now_s += seconds
        for name in names:
            self.answered(name, seconds, outcome)


LATE_S = NEAR * ALLOWED_S + 1


def test_answers_that_come_late_under_load_are_told_of_before_one_is_lost():
    day = Day()
    for _ in range(3):
        day.burst(30.0)
    assert day.told == []
    day.burst(LATE_S)
    (line,) = day.told
    assert "512 challenges in 600 s" in line
    assert "logicnet volume advise" in line
    assert "not done" not in line
    assert "5 took over 80% of their time" in line  # told at the fifth, not after the burst
    assert "48 more may be asked now" in line


def test_it_is_told_once():
    day = Day()
    for _ in range(20):
        day.burst(LATE_S)
    assert len(day.told) == 1
    day.now_s += LONG_SILENCE_S
    day.burst(LATE_S)
    assert len(day.told) == 2


def test_answers_that_are_lost_are_counted():
    day = Day()
    day.burst(30.0, size=WINDOW - 4)
    day.burst(59.0, "late", size=4)
    assert day.told == []
    day.burst(59.0, "waited")
    assert "and 5 were not done in it" in day.told[0]


def test_one_hard_question_now_and_then_is_none_of_loads_doing():
    day = Day()
    for _ in range(10):
        day.burst(20.0)
        day.burst(LATE_S, size=2)
    assert day.told == []


def test_questions_that_take_as_long_in_quiet_times_are_no_strain():
    day = Day()
    for _ in range(QUIET_ANSWERS):
        day.burst(LATE_S, size=1)
    for _ in range(4):
        day.burst(LATE_S)
    assert day.told == []


def test_one_after_the_other_is_no_load_however_long():
    day = Day()
    for _ in range(100):
        day.burst(LATE_S, size=1)
    assert day.told == []


def test_what_fails_at_once_is_another_fault():
    day = Day()
    for _ in range(10):
        day.burst(0.1, "failed")
    assert day.told == []


def test_callers_that_hang_up_late_count_and_those_that_leave_at_once_do_not():
    for seconds, told in ((LATE_S, 1), (0.5, 0)):
        day = Day()
        for _ in range(2):
            for name in [day.admitted() for _ in range(WINDOW)]:
                day.strain(HungUp(day.now_s, name, ALICE, seconds))
        day.burst(LATE_S if told else 1.0)
        assert len(day.told) == told


def test_an_epoch_that_is_over_promises_nothing_more():
    day = Day()
    day.burst(30.0)
    day.now_s += 700.0
    day.strain(Promised(day.now_s, EpochCount(Hotkey("5Bob"), day.now_s, 7, 3, 0)))
    names = [day.admitted() for _ in range(WINDOW)]
    day.strain(Promised(day.now_s, EpochCount(ALICE, day.now_s - 601.0, 80, 24, 0)))
    for name in names:
        day.answered(name, LATE_S)
    assert "4 more may be asked now" in day.told[0]


def test_other_events_and_answers_of_before_it_began_are_passed_over():
    day = Day()
    day.strain(NonceAccepted("classic:5Alice:x", 1))
    for _ in range(100):
        day.answered("unheard", LATE_S)
    assert day.told == []


def test_a_challenge_that_never_ended_is_no_load_for_good():
    day = Day()
    day.admitted()  # something broke, and nobody says that it ended
    day.now_s += 3600.0
    for _ in range(QUIET_ANSWERS):
        day.burst(LATE_S, size=1)
    for _ in range(WINDOW // 8):
        day.burst(LATE_S)
    assert day.told == []  # it is as late in quiet times
