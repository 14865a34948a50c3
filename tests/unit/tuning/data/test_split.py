"""Which rows are held out."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.tuning.data.split import key_of, validation_keys, words_of

KEYS = st.lists(st.integers(0, (1 << 64) - 1), min_size=2, unique=True)


@given(keys=KEYS, share=st.floats(0.001, 0.499))
def test_some_are_held_out_and_some_are_not(keys, share):
    chosen = validation_keys(array("Q", keys), share)
    assert chosen
    assert chosen < set(keys)
    assert validation_keys(array("Q", keys[::-1] + keys), share) == chosen


def test_about_the_share_is_held_out():
    keys = array("Q", (key_of(f"What is {number} plus one?") for number in range(10_000)))
    for share in (0.05, 0.1, 0.3):
        assert len(validation_keys(keys, share)) == pytest.approx(10_000 * share, rel=0.1)


def test_more_rows_leave_the_held_out_ones_where_they_are():
    keys = [key_of(str(number)) for number in range(2000)]
    few, many = (validation_keys(array("Q", keys[:n]), 0.1) for n in (1000, 2000))
    assert few == many & set(keys[:1000])


def test_case_and_white_space_are_no_difference_but_signs_are():
    assert key_of(" What  IS\n2+3? ") == key_of("what is 2+3?")
    assert len({key_of(text) for text in ("2+3", "2-3", "2*3", "-", "")}) == 5


def test_words():
    assert words_of("Don't pay 3*4, Straße_x 漢字か!") == [
        "don",
        "t",
        "pay",
        "3",
        "*",
        "4",
        "strasse",
        "x",
        *"漢字か",
    ]
