"""Arrivals: chances that behave as such, durations that are learned and forgotten, samplers in order."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.arrivals import Arrivals, Pending, Usual, Waits


def punctual() -> Arrivals:
    """Reasoning takes 3 to 8 seconds, programs 2."""
    arrivals = Arrivals({"reason": Usual(5.0), "program": Usual(3.0)})
    for _ in range(20):
        for seconds in (3.0, 4.0, 5.0, 6.0, 8.0):
            arrivals.observe("reason", seconds)
        arrivals.observe("program", 2.0)
    return arrivals


ARRIVALS = punctual()


def test_durations_are_learned_and_old_ones_forgotten() -> None:
    shuffled = random.Random(1)
    arrivals = Arrivals({"reason": Usual(20.0)})
    assert arrivals.known("reason").median_s == pytest.approx(20.0)
    for _ in range(200):
        arrivals.observe("reason", shuffled.lognormvariate(math.log(4.0), 0.3))
    assert arrivals.known("reason").median_s == pytest.approx(4.0, rel=0.2)
    for _ in range(200):
        arrivals.observe("reason", shuffled.lognormvariate(math.log(12.0), 0.3))
    assert arrivals.known("reason").median_s == pytest.approx(12.0, rel=0.2)
    assert arrivals.known("reason").deviation == pytest.approx(0.3, rel=0.6)


def waits(pending: list[Pending], arrived: list[Pending], most: int = 3, *, pace: float = 1.0) -> Waits:
    return Waits(pending, arrived, ARRIVALS, horizon_s=60.0, pace=pace, most=most)


@given(
    st.lists(
        st.builds(Pending, st.sampled_from(["reason", "program", "new"]), st.floats(0.0, 80.0)),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.builds(Pending, st.sampled_from(["reason", "program"]), st.floats(0.1, 60.0)), max_size=4),
)
def test_arrivals_to_come_have_chances_and_take_time(pending: list[Pending], arrived: list[Pending]) -> None:
    most = min(3, len(pending))
    found = waits(pending, arrived, most)
    assert len(found.samplers) == most
    assert set(found.samplers) <= {one.sampler for one in pending}
    assert found.windows_s == sorted(found.windows_s)
    assert found.windows_s[-1] == pytest.approx(60.0)
    for reach, seconds, window_s in zip(found.reach, found.seconds, found.windows_s, strict=True):
        assert all(0.0 <= chance <= 1.0 + 1e-9 for chance in reach)
        assert all(one >= 0.0 for one in seconds)
        assert seconds[0] <= window_s + 1e-9
    first = [row[0] for row in found.reach]
    assert all(sooner <= later + 1e-9 for sooner, later in pairwise(first))


def test_more_samples_bring_the_first_one_sooner_and_a_slower_server_later() -> None:
    one, four = (waits([Pending("reason", 0.0)] * many, [], 1) for many in (1, 4))
    slow = waits([Pending("reason", 0.0)], [], 1, pace=2.0)
    assert four.seconds[-1][0] < one.seconds[-1][0] < slow.seconds[-1][0]


def test_the_sample_that_is_nearest_comes_first() -> None:
    found = waits([Pending("reason", 0.0), Pending("program", 0.0), Pending("reason", 4.5)], [])
    assert found.samplers[-1] == "reason"
    assert "program" in found.samplers[:2]
