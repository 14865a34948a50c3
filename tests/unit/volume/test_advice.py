"""From levels to a volume: what is safe, and what it earns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.scoring.reward import with_volume
from logicnet.volume.advice import Level, advise, break_even, gain, peak, safe_volume


def level(at_once: int, seconds: float = 5.0, late: int = 0, cut: int = 0, usual_cut: float = 0.0) -> Level:
    answers = max(6, 3 * at_once)
    return Level(at_once, (seconds,) * answers, late, cut, 0, 60.0, usual_cut)


loads = st.integers(1, 256)
seconds = st.floats(0.1, 60.0)


def test_the_highest_load_that_was_kept_decides() -> None:
    found = advise([level(8), level(1), level(16, late=3), level(2), level(4)])
    assert found.best == level(8)
    assert found.volume == safe_volume(8, 5.0)
    assert [one.at_once for one in found.levels] == [1, 2, 4, 8, 16]


def test_what_is_kept_above_a_broken_load_was_luck() -> None:
    found = advise([level(1), level(2, late=1), level(4)])
    assert found.best == level(1)
    assert found.volume == 1


def test_without_one_that_is_kept_nothing_is_safe() -> None:
    assert advise([]).volume is None
    assert advise([level(1, late=1)]).volume is None


def test_one_late_answer_of_a_hundred_is_no_broken_load() -> None:
    assert level(40, late=1).sustained
    assert not level(40, late=2).sustained


def test_texts_that_are_cut_off_count_only_where_load_cuts_them() -> None:
    assert level(8, cut=4).sustained
    assert not level(8, cut=5).sustained
    assert level(
        8, cut=12, usual_cut=0.5
    ).sustained  # hard questions: half of them are cut with nobody else there
    assert level(8, cut=24, usual_cut=1.0).sustained


@pytest.mark.parametrize(
    ("at_once", "seconds", "volume"),
    [
        (1, 5.0, 1),  # a validator may ask all at once
        (4, 5.0, 4),
        (8, 5.0, 142),  # one burst of eight at a time: 8 * 600 / 5 s * 0.1486, the mean of P(<= 1) = 0.99
        (8, 10.0, 71),
        (8, 10.389, 68),  # as docs/volume.md measured it
        (16, 10.0, 209),
        (64, 5.0, 512),  # no more than earns anything
    ],
)
def test_safe_volumes_by_hand(at_once: int, seconds: float, volume: int) -> None:
    assert safe_volume(at_once, seconds) == volume


@given(loads, seconds)
def test_what_is_safe_comes_to_no_more_than_was_kept(at_once: int, seconds: float) -> None:
    volume = safe_volume(at_once, seconds)
    assert 1 <= volume <= 512
    assert volume <= at_once or peak(volume, seconds) <= at_once
    assert volume == 512 or peak(volume + 1, seconds) > at_once


@given(loads, seconds)
def test_who_keeps_more_or_answers_sooner_may_promise_more(at_once: int, seconds: float) -> None:
    volume = safe_volume(at_once, seconds)
    assert safe_volume(at_once + 8, seconds) >= volume
    assert safe_volume(at_once, seconds / 2) >= volume
    assert safe_volume(at_once, seconds, 1200.0) >= volume


def test_what_it_earns() -> None:
    assert gain(512, 512) == 0
    assert gain(1024, 512) == 0
    assert gain(256, 512) == pytest.approx(-0.05)
    assert 0.6 * (1 + gain(100, 300)) * with_volume(1.0, 300) == pytest.approx(with_volume(0.6, 100))


@given(st.integers(0, 600), st.floats(0.4, 1.0))
def test_losing_the_break_even_share_at_full_volume_earns_the_same(volume: int, reward: float) -> None:
    lost = break_even(volume)
    assert (1 - lost) * with_volume(reward, 512) == pytest.approx(with_volume(reward, volume))
