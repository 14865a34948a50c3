"""Whether an adapter's first hour is worse than the hour before: chance is no reason, a loss is."""

from __future__ import annotations

import random

import pytest

from logicnet.tuning.improve.hour import Service, service, worse

LOOKS = 30
"""In an hour: one for some challenges that ended."""


def hour(chance: random.Random, challenges: int, *, seconds: float = 20.0, silent: float = 0.01) -> Service:
    """Seconds with a long tail, as a race's are; a share without an answer."""
    quiet = sum(chance.random() < silent for _ in range(challenges))
    return Service(tuple(seconds * chance.lognormvariate(0.0, 0.4) for _ in range(challenges - quiet)), quiet)


def found(seed: int, challenges: int, after: dict[str, float]) -> str | None:
    """What the first of all looks in an hour finds, as the answers come in."""
    chance = random.Random(seed)
    before, whole = hour(chance, challenges), hour(chance, challenges, **after)
    order = [*whole.seconds, *[-1.0] * whole.silent]
    chance.shuffle(order)
    for look in range(1, LOOKS + 1):
        seen = order[: len(order) * look // LOOKS]
        so_far = Service(tuple(one for one in seen if one >= 0), sum(one < 0 for one in seen))
        if (why := worse(before, so_far)) is not None:
            return why
    return None


@pytest.mark.thorough
@pytest.mark.parametrize("challenges", [12, 120])
def test_an_hour_like_the_one_before_is_seldom_called_worse(challenges):
    called = sum(found(seed, challenges, {}) is not None for seed in range(100))
    assert called <= 2


@pytest.mark.parametrize(
    ("after", "words"), [({"seconds": 40.0}, "took longer than"), ({"silent": 0.3}, "had no answer in time")]
)
def test_what_is_twice_as_slow_or_falls_silent_is_found(after, words):
    told = [found(seed, 120, after) for seed in range(20)]
    assert all(why is not None and words in why for why in told), told


def test_a_single_silence_proves_nothing():
    assert worse(Service((20.0,) * 100), Service((), silent=1)) is None


def test_refusals_that_a_slow_model_causes_count():
    before = Service((20.0,) * 100)
    assert "were refused" in (worse(before, Service((20.0,) * 60, refused=40)) or "")


def test_without_an_hour_before_only_silence_tells():
    assert worse(Service(), Service((50.0,) * 100)) is None
    assert "had no answer" in (worse(Service(), Service((50.0,) * 10, silent=20)) or "")


def test_rows_of_the_ledger_become_a_service():
    over = {"ended_at_s": 5.0, "outcome": "solved", "in_time": 1, "seconds": 3.0}
    rows = [
        over,
        {**over, "in_time": 0, "outcome": "late"},
        {**over, "outcome": "hung_up", "in_time": 0},
        {"ended_at_s": None, "outcome": None, "in_time": None, "seconds": None},  # still in flight
    ]
    refusals = [{"reason": "full", "count": 4}, {"reason": "not_verified", "count": 90}]
    assert service(rows, refusals) == Service((3.0,), silent=1, refused=4)
