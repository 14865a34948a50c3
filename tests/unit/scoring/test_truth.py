"""What is true, beside what a validator makes of it."""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from logicnet.errors import SettingsError
from logicnet.scoring.correctness import by_text
from logicnet.scoring.truth import Checker, Truth, TruthTeller
from tests.unit.maths import misbehaving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def teller() -> AsyncIterator[TruthTeller]:
    async with TruthTeller(misbehaving.__name__, timeout_s=60.0) as teller:  # the machine may be busy
        yield teller


CASES: list[tuple[str, str, bool | None]] = [
    ("42", "The answer is 42.", True),
    ("42", "43", False),
    ("1/2", r"$\frac{1}{2}$", True),
    ("1,000", "1000", True),
    ("x^2", "x*x", True),
    ("2*pi", "6.283185307179586", True),
    ("2*pi", "2", False),
    ("sqrt(8)", "2*sqrt(2)", True),
    ("15 m^2", "15", True),
    ("3!", "6", True),
    ("x+1", "1+x", True),
    ("[1, 2]", "[2, 1]", False),
    ("yes", "YES ", True),
    ("yes", "no", None),
    ("12", "twelve", None),
    ("42", "__import__('os').getcwd()", None),
    # tiny numbers are not rounded to zero
    (r"$\frac{1}{2004!}$", r"$\frac{1}{2006!}$", False),
    (r"$\frac{1}{30!}$", r"$\frac{1}{29! \cdot 30}$", True),
    ("0.00000012", "0.00000013", False),
    # a formula is read whole, or not at all
    (r"$1 - \frac{1}{\mathrm{e}}$", r"$1 + \frac{1}{\mathrm{e}}$", False),
    (r"$1:2:3:\ldots$", r"$1:4:9:\ldots$", False),
    ("f(x) = 0", r"\forall x>0, f(x) = 0", False),
    ("3:45", "3:54", False),
    ("42", "= 6*7 = 42", True),
    # LaTeX without dollars
    (r"\frac{\sqrt{3}}{2}", r"\frac{\sqrt3}{2}", True),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \frac{2\pi}{3})", False),
    (r"2\pi", "2*pi", True),
    ("2.5", r"$2\frac{1}{2}$", True),
    (r"$28\%$", "28", True),
    ("42", "**42**", True),
    # mixed numbers
    ("5/4", "1 1/4", True),
    ("-3 1/2", "-3.5", True),
    ("7/3", "The answer is 2 1/3.", True),
    ("1.5", "1½", True),
    ("1.5", "1 1/2 cups", True),
    ("x=5/4", "1 1/4", True),
    ("10", "4 10/3", False),
    ("3 1/2", "31/2", False),
    # what comes to a fraction is compared to its last digit
    ("1e-20", "1e-21", False),
    ("10^-20", "0.00000000000000000001", True),
    ("6.02e23", r"6.02 \times 10^{23}", True),
    ("1.0000000000001", "1", False),
    ("1/3", "0.333333333333", False),
    ("2^{100}", "1267650600228229401496703205377", False),
    ("1000!/998!", "999000", True),
    ("3^{2000}", "3^{2000}+1", False),
    # beyond what is computed here, too
    ("x = 1/2004!", "x = 1/2006!", False),
    ("{1/2004!}", "{1/2006!}", False),
    ("(1/2004!, 3)", "(1/2006!, 3)", False),
    ("1/2004!", "0", False),
    ("1/2004!", "1/(2004*2003!)", True),
    ("10^{400}", "10^{401}", False),
    # nothing is called equal for its letters alone
    ("x = 5", "y = 5", False),
]


PARTED: list[tuple[str, str, float | None, bool]] = [
    ("-7", "7", 1.0, False),  # the sign
    ("2*pi", "6.283185307179586", 0.0, True),  # the only number of an expression
    ("6", "3!", 0.5000000008333334, True),
    ("1000", "999", 0.99900000000001, False),  # nearly
    ("1,000", "1000", None, True),
]


@pytest.mark.thorough
@pytest.mark.asyncio(loop_scope="module")
async def test_mathematics_and_where_a_validator_parts_from_it(teller: TruthTeller) -> None:
    told = [(truth, answer, (await teller.tell(truth, answer)).right) for truth, answer, _ in CASES]
    assert told == CASES
    both = [(t, a, by_text(t, a).score, (await teller.tell(t, a)).right) for t, a, _, _ in PARTED]
    assert both == PARTED


@pytest.mark.asyncio(loop_scope="module")
async def test_a_challenges_own_checker_comes_first(teller: TruthTeller) -> None:
    checker = Checker(misbehaving.longer, {"than": 3})
    assert await teller.tell("abc", "abcd", checker) == Truth(True, "checker")
    assert await teller.tell("abc", "abc", checker) == Truth(False, "checker")  # half right is not right
    assert await teller.tell("x", "e", Checker(misbehaving.starts_with_a_vowel)) == Truth(True, "checker")


HOSTILE = {
    "a tower of powers": "$9^{9^{9^{9}}}$",
    "a factorial": "$100000000!$",
    "brackets, a thousand deep": "$" + "(" * 1000 + "1" + ")" * 1000 + "$",
    "a megabyte": "1" * 1_000_000,
    "NaN": "nan",
    "digits of another script": "\u0664\u0662",
}


@pytest.mark.thorough
async def test_hostile_answers_stay_open_and_say_why() -> None:
    async with TruthTeller(misbehaving.__name__, timeout_s=0.3) as teller:
        for answer in HOSTILE.values():
            told = await teller.tell("42", answer)
            assert told.right is not True
            assert told.right is False or told.note
        told = await teller.tell("42", "x", Checker(misbehaving.swallows))
        assert (told.right, told.by) == (None, "nobody")


async def test_without_math_verify_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(SettingsError, match=r"logicnet\[scoring\]"):
        TruthTeller()
