from dataclasses import dataclass

import pytest

from logicnet.deadline import Deadline, ReplyMargin


@dataclass
class ManualClock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_remaining_counts_down_and_stops_at_zero() -> None:
    clock = ManualClock()
    deadline = Deadline.after(64.0, clock=clock)
    assert deadline.remaining_s() == 64.0
    clock.now_s += 60.0
    assert deadline.remaining_s() == pytest.approx(4.0)
    assert not deadline.passed()
    clock.now_s += 10.0
    assert deadline.remaining_s() == 0.0
    assert deadline.passed()
    assert deadline.elapsed_s() == pytest.approx(70.0)
    assert deadline.total_s() == 64.0


def test_earlier_keeps_seconds_back_but_never_ends_before_it_began() -> None:
    clock = ManualClock()
    deadline = Deadline.after(10.0, clock=clock)
    assert deadline.earlier(4.0).remaining_s() == pytest.approx(6.0)
    assert deadline.earlier(40.0).remaining_s() == 0.0


def test_within_is_the_sooner_of_the_two() -> None:
    clock = ManualClock()
    deadline = Deadline.after(10.0, clock=clock)
    assert deadline.within(3.0).remaining_s() == pytest.approx(3.0)
    assert deadline.within(30.0).remaining_s() == pytest.approx(10.0)
    clock.now_s += 9.0
    assert deadline.within(3.0).remaining_s() == pytest.approx(1.0)


def test_margin_starts_at_its_floor_and_learns_the_worst_lateness() -> None:
    margin = ReplyMargin(floor_s=1.0)
    assert margin.seconds(64.0) == 1.0
    margin.observe(0.5)
    margin.observe(0.1)
    margin.observe(-3.0)  # early replies teach nothing
    assert margin.seconds(64.0) == pytest.approx(1.5)


def test_margin_forgets_old_lateness_and_never_eats_a_short_timeout() -> None:
    margin = ReplyMargin(floor_s=1.0, most_s=5.0)
    margin.observe(60.0)
    assert margin.seconds(64.0) == 5.0
    assert margin.seconds(2.0) == pytest.approx(0.4)
    for _ in range(256):
        margin.observe(0.0)
    assert margin.seconds(64.0) == 1.0
