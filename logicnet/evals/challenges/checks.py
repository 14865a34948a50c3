"""Checks: whether an answer is truly right, one function per kind of truth.

Each takes `answer` and `truth` (as the problem has them) and JSON arguments. An answer may come with
units, LaTeX or half a sentence; what it says is checked, to the last digit that was asked for. They
run in the worker of `logicnet.scoring`, in bounded time; none evaluates an answer as code.
"""

import importlib.util
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from logicnet.errors import SettingsError
from logicnet.evals.challenges._reading import (
    Number,
    items,
    number,
    numbers,
    readings,
    said_number,
    undressed,
)
from logicnet.evals.challenges.problem import AnswerCheck, Problem
from logicnet.scoring.truth import Checker

_EXACT = 1e-9  # relative: what floats of the same number may differ by


def number_is(answer: str, truth: str, places: int | None = None, within: float | None = None) -> bool:
    """The same number; rounded to `places` decimals, or `within` a relative error, if given."""
    right, said = said_number(truth), said_number(answer)
    return right is not None and said is not None and _close(said, right, places, within)


def sequence_is(answer: str, truth: str, places: int | None = None) -> bool:
    """The same numbers in the same order, however they are set apart."""
    return _all_close(items(answer), items(truth), places)


def collection_is(answer: str, truth: str, places: int | None = None) -> bool:
    """The same numbers in any order, each as often."""
    return _all_close(sorted(items(answer)), sorted(items(truth)), places)


def factors_are(answer: str, truth: str) -> bool:
    """The same factors in any order; powers may be written as such."""
    powers = re.compile(r"(\d+)\s*(?:\^|\*\*)\s*\{?(\d{1,2})\}?")

    def spread(text: str) -> Counter[Number]:
        text = _last(text)
        return Counter(numbers(powers.sub(lambda power: " ".join([power[1]] * int(power[2])), text)))

    return spread(answer) == spread(truth)


def unknowns_are(answer: str, truth: str) -> bool:
    """The same value for each unknown, as in `x = 1, y = -2`; without names, the same order."""
    named = re.compile(r"\b([a-z])\s*=\s*([^=,;a-z]+)", re.IGNORECASE)
    right = {name.lower(): number(value) for name, value in named.findall(undressed(truth))}
    said = {name.lower(): number(value) for name, value in named.findall(undressed(answer))}
    return said == right if said else sequence_is(answer, ", ".join(map(str, right.values())))


def numeral_is(answer: str, truth: str, base: int) -> bool:
    """The same whole number written in `base`, with or without 0x, 0b or 0o."""
    right = _numeral(truth, base)
    return right is not None and any(_numeral(reading, base) == right for reading in readings(answer))


def complex_is(answer: str, truth: str, places: int | None = None) -> bool:
    """The same complex number; i or j, which may be a bracket or not."""
    right = _complex(truth)
    for reading in readings(answer):
        said = _complex(reading)
        if right is not None and said is not None:
            return _close(said.real, right.real, places) and _close(said.imag, right.imag, places)
    return False


def words_are(answer: str, truth: str) -> bool:
    """The same words, whatever their case, spaces and final full stop."""
    return _words(truth) in {_words(reading) for reading in (answer, *readings(answer))}


def symbol_is(answer: str, truth: str) -> bool:
    """The same sign or digits, to the letter."""
    return (
        truth in readings(answer) or undressed(answer).split(" ")[-1] == truth or answer.strip("$ ") == truth
    )


def yes_or_no(answer: str, truth: str) -> bool:
    """The same yes or no, true or false, or a sentence that says so."""
    right = _is_yes(truth)
    return right is not None and _is_yes(answer) is right


def polynomial_is(answer: str, truth: str, combined: bool = False) -> bool:
    """The same polynomial in x; `combined`: with no power twice."""
    right, said = _terms(truth), _terms(_last(answer))
    if right is None or said is None or (combined and len({power for power, _ in said}) < len(said)):
        return False
    return _summed(said) == _summed(right)


def factored_is(answer: str, truth: str) -> bool:
    """The same factors (x + a), not multiplied out."""
    return _factors(_last(answer)) == _factors(truth) != []


def expression_gives(answer: str, truth: str, target: int, given: Sequence[int]) -> bool:
    """Any expression of + - * / and brackets that gives `target` from the `given` numbers, each used once."""
    del truth
    for reading in (*readings(answer), *undressed(answer).split("=")):
        if re.fullmatch(r"[\d\s+\-*/()]+", reading) and "**" not in reading and "//" not in reading:
            used = sorted(int(digits) for digits in re.findall(r"\d+", reading))
            if used == sorted(given) and number(reading) == target:
                return True
    return False


CHECKS: Mapping[str, Callable[..., bool]] = {
    function.__name__: function
    for function in (
        *(number_is, sequence_is, collection_is, factors_are, unknowns_are, numeral_is, complex_is),
        *(words_are, symbol_is, yes_or_no, polynomial_is, factored_is, expression_gives),
    )
}


def check_for(truth: str) -> AnswerCheck | None:
    """The check that fits a truth of which nothing else is known; None: compare text and mathematics."""
    plain = undressed(truth)
    if re.fullmatch(r"[+-]?[\d,]*+(?:(?<=\d)|\.\d++)(?:/\d+)?", plain) and number(plain) is not None:
        return AnswerCheck("number_is")
    if plain.lower() in ("yes", "no", "true", "false"):
        return AnswerCheck("yes_or_no")
    if re.fullmatch(r"[^\W\d_]{2,}(?:[ -][^\W\d_]+)*", plain):
        return AnswerCheck("words_are")
    return None


def _last(text: str) -> str:
    return next(iter(readings(text)), "")


def _close(said: Number, right: Number, places: int | None = None, within: float | None = None) -> bool:
    if isinstance(said, Fraction) and isinstance(right, Fraction) and places is None and within is None:
        return said == right
    # Half of the last place that was asked for, and a little for floats on the edge.
    slack = 0.0 if places is None else 0.5000001 * 10.0**-places
    return math.isclose(said, right, rel_tol=max(_EXACT, within or 0.0), abs_tol=max(_EXACT, slack))


def _all_close(said: Sequence[Number], right: Sequence[Number], places: int | None) -> bool:
    pairs = zip(said, right, strict=False)
    return len(said) == len(right) and all(_close(one, other, places) for one, other in pairs)


def _numeral(text: str, base: int) -> int | None:
    digits = undressed(text).replace(" ", "").replace("\\_", "_")
    digits = re.sub(r"(?:_\{?|\(base)" + str(base) + r"[})]?$", "", digits)
    try:
        return int(digits, base) if re.fullmatch(r"[+-]?(?:0[xbo])?[0-9a-zA-Z]+", digits) else None
    except ValueError:
        prefix = {"0x": 16, "0b": 2, "0o": 8}.get(digits.lstrip("+-")[:2].lower())
        return int(digits, 0) if prefix == base else None


def _complex(text: str) -> complex | None:
    bare = undressed(text).replace(" ", "").replace("(", "").replace(")", "").replace("*", "")
    try:
        return complex(bare.replace("i", "j")) if len(bare) < 60 and "_" not in bare else None
    except ValueError:
        return None


def _words(text: str) -> str:
    return re.sub(r"\s*([,→])\s*", r"\1 ", re.sub(r"^(?:an?|the) ", "", undressed(text).casefold()))


def _is_yes(text: str) -> bool | None:
    said = undressed(text).casefold().replace("’", "'")  # noqa: RUF001
    if re.search(r"\b(?:no|not|false|never|cannot)\b|n't\b", said):
        return False
    return True if re.search(r"\b(?:yes|true|is|are|does|do|can|exists?)\b", said) else None


_TERM = re.compile(r"([+-]?)(\d*(?:/\d+)?)\*?(x?)(?:\^(\d+))?(?:/(\d+))?")


def _terms(text: str) -> list[tuple[int, Fraction]] | None:
    """Power and coefficient of each term; None if it is no polynomial in x."""
    bare = re.sub(r"[{}\s()]", "", undressed(text).lower().replace("**", "^"))
    terms: list[tuple[int, Fraction]] = []
    place = 0
    while place < len(bare):
        match = _TERM.match(bare, place)
        if match is None or not (match[2] or match[3]) or (place > 0 and not match[1]):
            return None
        sign, digits, x, power, divisor = match.groups()
        try:
            coefficient = Fraction(digits or 1) / int(divisor or 1)
        except (ValueError, ZeroDivisionError):
            return None
        terms.append((int(power or 1) if x else 0, -coefficient if sign == "-" else coefficient))
        place = match.end()
    return terms or None


def _summed(terms: Iterable[tuple[int, Fraction]]) -> dict[int, Fraction]:
    total: dict[int, Fraction] = {}
    for power, coefficient in terms:
        total[power] = total.get(power, Fraction()) + coefficient
    return {power: coefficient for power, coefficient in total.items() if coefficient}


def _factors(text: str) -> list[int]:
    """The a of each (x + a), sorted; nothing if there is anything else."""
    bare = re.sub(r"[{}\s*]", "", undressed(text).lower().replace("**", "^"))
    bare = re.sub(r"^x(?=\()|(?<=\))x$", "(x)", bare)
    bare = re.sub(r"(\(x(?:[+-]\d+)?\))\^2", r"\1\1", re.sub(r"^x\^2$", "(x)(x)", bare))
    found = re.findall(r"\(x([+-]\d+)?\)", bare)
    whole = "".join(f"(x{constant})" for constant in found) == bare
    return sorted(int(constant or 0) for constant in found) if whole else []


GYM = "gym"  # the check that is reasoning-gym's own
_MODULE = "logicnet.evals.challenges.checks"
_GYM_MODULE = "logicnet.evals.challenges._gym_check"  # by name only: it imports reasoning_gym


def checker_of(problem: Problem) -> Checker | None:
    """The checker of a problem for `TruthTeller.tell`; None if it has none."""
    check = problem.check
    if check is None:
        return None
    function = f"{_GYM_MODULE}:right" if check.by == GYM else CHECKS[check.by]
    return Checker(function, {"truth": problem.truth, **check.arguments})


def checker_modules(problems: Iterable[Problem]) -> tuple[str, ...]:
    """The modules of a `TruthTeller` for these problems. Raises SettingsError without reasoning-gym."""
    if GYM not in {problem.check.by for problem in problems if problem.check is not None}:
        return (_MODULE,)
    if importlib.util.find_spec("reasoning_gym") is None:
        raise SettingsError(
            "some of these questions are checked by reasoning-gym: pip install 'logicnet[challenges]'"
        )
    return (_MODULE, _GYM_MODULE)
