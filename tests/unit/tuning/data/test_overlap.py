"""Texts that repeat held-out ones."""

from __future__ import annotations

import random

from logicnet.tuning.data.overlap import BOILERPLATE, MOST_GRAMS, Overlap

WORDS = [f"w{number}" for number in range(5000)]


def text(seed: int, words: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def repeats(held_out: list[str], training: list[str], expected: int = 0) -> list[bool]:
    overlap = Overlap(expected)
    for one in held_out:
        overlap.add(one)
    suspects = [overlap.count(one) for one in training]
    return [suspect and overlap.repeats(one) for suspect, one in zip(suspects, training, strict=True)]


def test_half_of_the_13_grams_is_the_limit():
    held, other = text(1, 60), text(2, 60)
    mixed = [" ".join((*held.split()[:n], *other.split()[: 60 - n])) for n in (30, 35, 37, 60)]
    assert repeats([held], [*mixed, other]) == [False, False, True, True, False]


def test_case_and_punctuation_hide_nothing():
    held = text(3, 40)
    assert repeats([held], [held.upper().replace(" ", ", ") + "!"]) == [True]


def test_other_numbers_are_another_question():
    question = "Anna has {} apples and buys {} bags with {} apples each ; she eats {} . How many are left ?"
    assert repeats([question.format(3, 4, 5, 6)], [question.format(9, 8, 7, 2)]) == [False]


def test_short_texts_never_repeat():
    assert repeats([text(4, 12)], [text(4, 12)]) == [False]


def test_an_instruction_that_many_rows_share_is_no_evidence():
    shared = text(5, 40)
    training = [f"{shared} {text(100 + number, 5)}" for number in range(BOILERPLATE + 1)]
    assert repeats([f"{shared} {text(99, 5)}"], training) == [False] * len(training)
    assert repeats([f"{shared} {text(99, 5)}"], training[:BOILERPLATE]) == [True] * BOILERPLATE


def test_of_many_held_out_texts_a_sample_suffices():
    held = [text(number, 200) for number in range(50)]
    found = repeats(held, [*held, *(text(1000 + number, 200) for number in range(50))], 8 * MOST_GRAMS)
    assert found == [True] * 50 + [False] * 50
    overlap = Overlap(8 * MOST_GRAMS)
    for one in held:
        overlap.add(one)
    assert 0 < len(overlap._seen) < 2 * 50 * 188 / 9
