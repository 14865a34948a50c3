"""No text of a stranger makes a pattern or a function of the package take more than time in its length."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest

from logicnet.answers import extract, normal_form, question_kind, question_spec
from logicnet.answers._numbers import signed
from logicnet.answers.extract import _SUPPOSED, short_answer
from logicnet.answers.likely import likely_answer
from logicnet.llm.thinking import shown
from logicnet.maths.expression import Unreadable
from logicnet.maths.latex import undressed
from logicnet.maths.numbers import computed
from logicnet.maths.steps import evaluate
from logicnet.solver.guard import blank, suspicious, visible
from logicnet.solver.race.exact.question import readings
from logicnet.solver.race.examples import nearest
from logicnet.solver.race.formal import _in_signs, formula_in
from logicnet.solver.race.reply import sendable
from logicnet.solver.race.samplers import readable
from logicnet.solver.race.telling import in_words, told
from logicnet.solver.sandbox._source import program
from logicnet.solver.special_tokens import spoken
from tests.harness.growth import TIMES, Named, is_steep, patterns
from tests.harness.hostile_text import FRAGMENTS, PLAIN, strings

_CHARACTERS = 8_000
_READ = {"logicnet.solver.race.exact": 600, "logicnet.maths.expression": 500}
"""Characters that a room reads at most: beyond them it refuses the text."""
_OUR_OWN = ("logicnet.evals.challenges.mathgenerator", "logicnet.evals.report.page")
"""Rooms that read the texts of installed packages only."""

PATTERNS = [one for one in patterns() if not one.place.startswith(_OUR_OWN)]


def test_the_patterns_are_found() -> None:
    places = {one.place.rpartition(".")[0] for one in PATTERNS}
    assert {"logicnet.answers.extract", "logicnet.solver.guard", "logicnet.maths.latex"} <= places
    assert len(PATTERNS) > 300


@pytest.mark.parametrize("pattern", ["(a+)+$", r"\s+$", "i+i+$", r"\d+x", "a.*b.*c"])
def test_a_pattern_that_backtracks_is_found(pattern: str) -> None:
    assert _steep_on(Named("here", re.compile(pattern), frozenset({"search"})))


@pytest.mark.parametrize("named", PATTERNS, ids=lambda named: named.place)
def test_a_pattern_is_linear(named: Named) -> None:
    assert not _steep_on(named)


def _steep_on(named: Named) -> str:
    """The beginning of a text on which the pattern is steep; empty if it is on none."""
    size = min((most for room, most in _READ.items() if named.place.startswith(room)), default=_CHARACTERS)
    texts = [*strings(named.pattern, size), *(one * (size // len(one)) for one in PLAIN)]
    shorts = [
        *strings(named.pattern, size // TIMES),
        *(one * (size // len(one) // TIMES) for one in PLAIN),
    ]
    for call in named.calls():
        for text, short in zip(texts, shorts, strict=True):
            if is_steep(call, text, short):
                return text[:60]
    return ""


QUESTIONS = ("How many pens are there?", "Write a function.")
_OPTIONS = "Which of these? A) {0} B) {0}9 C) x{0} D) {0}"


def _read_by_all(text: str) -> None:
    """The functions that read a stranger's text in the miner's process."""
    question_kind(text)
    question_spec(text)
    for question in (*QUESTIONS, text, _OPTIONS.format(text[:200])):
        extract(text, question)
        normal_form(text, question)
        normal_form(text[:300], question)
        normal_form(f"The answer is {text}", question)
    short_answer(text)
    undressed(text[:1000])
    computed(text)
    readable(text)
    spoken(text)
    in_words(text)
    told(text, text, text[:300])
    shown(text)
    nearest(text, 5)
    program(text[:8_000])  # more is refused
    formula_in(text)
    blank(text), suspicious(text), visible(text), sendable(text)


@pytest.mark.parametrize("fragment", FRAGMENTS[::6])
def test_the_functions_are_linear(fragment: str) -> None:
    size = (256 * 1024) // len(fragment) // TIMES
    assert not is_steep(_read_by_all, fragment * size * TIMES + "9", fragment * size + "9")


@pytest.mark.parametrize(
    ("call", "before", "fragment"),
    [
        (lambda text: likely_answer(text, "Find all solutions of x^2 = 4."), "", "5, and "),
        (lambda text: signed(text, "what is the remainder mod 7"), "1", " "),
        (_SUPPOSED.search, "", "if would be "),
        (undressed, "", "\\begin{cases}"),
        (_in_signs, "", "1"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_text_that_once_was_steep_is_read_once(
    call: Callable[[str], object], before: str, fragment: str
) -> None:
    size = 32_000 // len(fragment) // TIMES
    assert not is_steep(call, before + fragment * size * TIMES + "z", before + fragment * size + "z")


@pytest.mark.parametrize("fragment", FRAGMENTS[::3])
def test_the_step_formulas_and_readings_are_linear(fragment: str) -> None:
    """What the exact worker reads: 600 characters of a question, 200 of a formula."""

    def call(text: str) -> None:
        list(readings(f"What is {text}?"))
        with suppress(Unreadable):
            evaluate(text[:200])

    size = 580 // len(fragment) // TIMES
    if size:
        assert not is_steep(call, fragment * size * TIMES, fragment * size)
