"""What a program comes to, in one sandbox for all tests."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from logicnet.solver.sandbox._zygote import MEMORY_BYTES
from logicnet.solver.sandbox.sandbox import MOST_CHARS, Ran, Sandbox

pytestmark = [pytest.mark.thorough, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with aclosing(Sandbox()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("print(5)", "5"),
        ("print('The answer is', 5)", "The answer is 5"),
        ("answer = 3\nprint(4)\nprint(5)", "5"),
        ("answer = 7", "7"),
        ("result = 7\nprint('')", "7"),
        ("ans = 7\nans + 1", "7"),
        ("x = 3\nx * 2", "6"),
        ("def solution():\n    return 42", "42"),
        ("def solve(n=3):\n    return n * 2", "6"),
        ("def main():\n    print(5)", "5"),
        ("def main():\n    print(5)\nif __name__ == '__main__':\n    main()", "5"),
        ("def total():\n    return 9", "9"),
        ("def total(n):\n    return n\nprint(total(2))", "2"),
        ("eggs = 3\nleft = eggs - 1", "2"),
        ("answer = None\ndef solution():\n    return 3", "3"),
        ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nprint(f(20))", "2432902008176640000"),
        ("print(1 / 4)", "0.25"),
        ("answer = lambda: 3", "3"),
        ("x = object", ""),
        ("import math", ""),
    ],
)
async def test_what_a_program_comes_to(sandbox: Sandbox, code: str, value: str) -> None:
    ran = await sandbox.run(code, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Sure! Here is it:\n```python\nx = 5\nprint(x)\n```\nThis prints 5.", "5"),
        ("```\n5 + 6\n```", "11"),
        ("```python\nprint(8)", "8"),
        ("```python\ndef f(x): return x + 1\n```\nThen:\n```python\nprint(f(2))\n```", "3"),
        ("```python\nprint(1)\n```\nBetter:\n```python\nprint(2)\n```\nOutput:\n```text\n3\n```", "2"),
        ("Here is the code:\nx = 5\nprint(x)\n\nThe output is 5.", "5"),
        ("<code>print(8)</code>", "8"),
        ("    x = 1\n    print(x)", "1"),
        (">>> x = 3\n>>> print(x)\n3", "3"),
        ("x = 5\nprint(x)\ny = x +", "5"),
        ("x = 5\nprint(x", "5"),
        ("print 5", "5"),
        ("print(\u201chi\u201d)", "hi"),
        ("print(5 \u00d7 3)", "15"),
        ("print(4)\nexit()", "4"),
        ("import sys\nsys.setrecursionlimit(10**6)\nprint(1)", "1"),
        ("x = [1, 2, 3]\ndel x[0]\nd = {1: 2}\ndel d[1], x[:1]\nprint(x, d)", "[3] {}"),
        ("café = 2\n'é'; import math; print(café * math.floor(2.5))", "4"),
        ("print('x')\n(1 +\n 2)  # three", "x"),
        ("(1 +\n 2)  # three", "3"),
    ],
)
async def test_small_faults_are_mended(sandbox: Sandbox, text: str, value: str) -> None:
    ran = await sandbox.run(text, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("import math\nprint(math.isqrt(17), math.comb(5, 2))", "4 10"),
        ("from math import *\nprint(sqrt(16))", "4.0"),
        ("print(math.sqrt(16))", "4.0"),
        ("print(sqrt(16) + gcd(12, 18))", "10.0"),
        ("from itertools import combinations\nprint(len(list(combinations(range(10), 3))))", "120"),
        ("from fractions import Fraction as F\nprint(F(1, 2) + F(1, 3), F('0.25'), F(0.5))", "5/6 1/4 1/2"),
        ("print(Fraction(6, 4) * 2 - 1, 1 - Fraction(1, 3), 2 / Fraction(2, 3))", "2 2/3 3"),
        ("print(Fraction(-7, 2) // 1, Fraction(7, 2) % 1, Fraction(2, 3) ** -2)", "-4 1/2 9/4"),
        ("print(sum([Fraction(1, n) for n in range(1, 5)]), float(Fraction(1, 4)))", "25/12 0.25"),
        ("print(Fraction(2, 4) == Fraction(1, 2), round(Fraction(5, 2)), Fraction(10, 5))", "True 2 2"),
        ("print(Fraction(314, 100).limit_denominator(10))", "22/7"),
        ("from decimal import Decimal\nprint(Decimal('0.1') + Decimal('0.2'))", "0.3"),
        (
            "import statistics as st\nprint(st.mean([1, 2, 3]), st.median([4, 1]), st.mode([1, 2, 2]))",
            "2 2.5 2",
        ),
        ("import heapq\nh = [3, 1]\nheapq.heapify(h)\nheapq.heappush(h, 2)\nprint(heapq.heappop(h))", "1"),
        ("import operator\nfrom functools import reduce\nprint(reduce(operator.mul, [2, 3, 4]))", "24"),
        ("import calendar\nprint(calendar.isleap(1900), calendar.monthrange(2024, 2)[1])", "False 29"),
        ("import string\nprint(string.ascii_lowercase[25])", "z"),
        ("from sympy import *\nprint(isprime(97), factorint(12))", "True {2: 2, 3: 1}"),
        ("x = symbols('x')\nprint(solve(Eq(x**2 - 4, 0), x), np.mean([1, 2]))", "[-2, 2] 1.5"),
        ("print(pow(2, 10, 1000), sp.sqrt(8), date(2024, 1, 31).month)", "24 2*sqrt(2) 1"),
        ("from sympy.stats import Die, E\nprint(E(Die('X', 6)))", "7/2"),
        ("from sympy import lambdify, symbols\nx = symbols('x')\nprint(lambdify(x, x**2)(5))", "25"),
        ("import numpy as np\nprint(np.linalg.solve([[2, 1], [1, 3]], [3, 5]))", "[0.8 1.4]"),
        ("from collections import Counter, defaultdict\nprint(Counter('aab')['a'])", "2"),
        ("if True:\n    import math, fractions\n    print(fractions.Fraction(2, 4))", "1/2"),
        ("import random\nprint(random.random())", "0.8444218515250481"),
    ],
)
async def test_what_programs_import_is_there(sandbox: Sandbox, code: str, value: str) -> None:
    ran = await sandbox.run(code, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


async def test_a_program_goes_on_from_an_earlier_one_that_it_uses(sandbox: Sandbox) -> None:
    first = "x = 48\nprint(x)"
    assert await sandbox.run(first, "print(x / 2)", timeout_s=60) == Ran("24.0", "", "48\n24.0\n")
    assert await sandbox.run(first, "print(3)", timeout_s=60) == Ran("3", "", "3\n")
    assert (await sandbox.run("print(x / 2)", timeout_s=60)).error == "NameError: name 'x' is not defined"


async def test_what_it_printed_is_kept_with_its_failure(sandbox: Sandbox) -> None:
    ran = await sandbox.run("print(3)\nraise ValueError('no')", timeout_s=60)
    assert ran == Ran("", "ValueError: no", "3\n")


async def test_a_long_text_is_refused(sandbox: Sandbox) -> None:
    assert (await sandbox.run("x = 1\n" * MOST_CHARS)).error == f"longer than {MOST_CHARS} characters"


async def test_a_failure_is_one_short_line(sandbox: Sandbox) -> None:
    ran = await sandbox.run("print(3)\nraise ValueError('a\\n' + 'x' * 10**7)", timeout_s=60)
    assert ran.value == ""
    assert ran.error.startswith("ValueError: a x")
    assert len(ran.error) <= 300
    ran = await sandbox.run("1 / 0", timeout_s=60)
    assert (ran.value, ran.error) == ("", "ZeroDivisionError: division by zero")


async def test_each_program_is_a_fresh_process_without_rights(sandbox: Sandbox) -> None:
    look = "import os\nprint(os.getpid(), os.getcwd(), sorted(os.environ), sorted(os.listdir('/')))"
    ran = [await sandbox.run("import os\nprint(os.getpid(), os.getcwd())", timeout_s=60) for _ in range(2)]
    assert ran[0].value != ran[1].value
    assert all(one.value.endswith(" /") for one in ran)
    assert (await sandbox.run(look, timeout_s=60)).error.startswith("PermissionError")
    ran = [await sandbox.run("global x\ntry: x += 1\nexcept NameError: x = 1\nprint(x)") for _ in range(3)]
    assert [one.value for one in ran] == ["1", "1", "1"]


async def test_memory_is_bounded(sandbox: Sandbox) -> None:
    most = MEMORY_BYTES >> 20
    assert (await sandbox.run(f"x = bytes({most // 2} << 20)\nprint(len(x) >> 20)", timeout_s=60)).value
    assert (await sandbox.run(f"x = bytes({most} << 20)", timeout_s=60)).error == "took too much memory"
