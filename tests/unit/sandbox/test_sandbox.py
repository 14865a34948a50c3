"""A program's result, and that a hostile one is lost and nothing else."""

# ruff: noqa: E501  (a program a line)

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from logicnet.sandbox import _monty
from logicnet.sandbox._outcome import MOST_ERROR, MOST_PRINTED, MOST_VALUE
from logicnet.sandbox._zygote import MEMORY_BYTES
from logicnet.sandbox.sandbox import MOST_CHARS, WORKERS, Ran, Sandbox
from tests.unit.sandbox import hostile

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

MOST_IDLE_BYTES = 192 << 20
"""Of the zygote: sympy and numpy take 65 MB."""

KERNELS = {"landlock and namespaces": (), "landlock": ("namespaces",), "namespaces": ("landlock",)}
"""What a kernel is to do without, by what it then confines files with."""


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with aclosing(Sandbox()) as opened:
        yield opened


def _processes() -> list[psutil.Process]:
    """The zygote and its children."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and "logicnet.sandbox._zygote" in child.cmdline():
                found.append(child)
    return found


def _programs() -> list[psutil.Process]:
    ours = _processes()
    pids = {one.pid for one in ours}
    found = []
    for one in ours:
        with suppress(psutil.NoSuchProcess):
            found += [one] if one.ppid() in pids else []
    return found


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
        ("answer = lambda: 3", ""),
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


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
async def test_programs_as_models_write_them_run(kernel: tuple[str, ...]) -> None:
    rows = [json.loads(line) for line in Path(__file__).with_name("model_programs.jsonl").open()]
    async with aclosing(Sandbox(without=kernel, patience_s=600)) as sandbox:
        ran = await asyncio.gather(*(sandbox.run(row["program"], timeout_s=120) for row in rows))
    assert [(row["name"], one.value, one.error) for row, one in zip(rows, ran, strict=True)] == [
        (row["name"], row["prints"], "") for row in rows
    ]


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


def test_the_hostile_programs_are_many() -> None:
    assert len(hostile.PROGRAMS) >= 230


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder and home with a wallet, and a secret in the environment; none changes."""
    wallet = tmp_path / ".bittensor/wallets/mine/hotkeys/hotkey"
    wallet.parent.mkdir(parents=True)
    wallet.write_text("root: the secret phrase")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SECRET", "root: the secret phrase")
    before = set(Path("/tmp").iterdir())
    yield tmp_path
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [
        ".bittensor/wallets/mine/hotkeys/hotkey"
    ]
    assert wallet.read_text() == "root: the secret phrase"
    assert "escaped" not in {path.name for path in set(Path("/tmp").iterdir()) - before}


@pytest.mark.parametrize("group", hostile.GROUPS)
async def test_hostile_programs_are_lost_and_nothing_else(group: str, home: Path) -> None:
    await _attacked(hostile.GROUPS[group], ())


@pytest.mark.parametrize("kernel", [one for one in KERNELS.values() if one], ids=[*KERNELS][1:])
async def test_whatever_of_both_the_kernel_has(kernel: tuple[str, ...], home: Path) -> None:
    await _attacked({**hostile.REACHING, **hostile.WITH_LIBRARIES, **_readers(home)}, kernel)


async def test_the_wallet_and_the_environment_are_out_of_sight(home: Path) -> None:
    await _attacked(_readers(home), ())


def _readers(home: Path) -> dict[str, str]:
    secret = home / ".bittensor/wallets/mine/hotkeys/hotkey"
    return {
        "read": f"print(open({str(secret)!r}).read())",
        "read low": f"import os\nprint(os.read(os.open({str(secret)!r}, os.O_RDONLY), 99))",
        "list": f"import os\nprint(os.listdir({str(home)!r}))",
        "walk": f"import os\nprint([one for one in os.walk({str(home)!r})], 'root:')",
        "of home": "import os\nprint(open(os.path.expanduser('~/.bittensor/wallets/mine/hotkeys/hotkey')).read())",
        "up": f"print(open('/proc/self/root{secret}').read())",
        "down": f"import sympy, os\nprint(open(os.path.dirname(sympy.__file__) + '/..' * 12 + {str(secret)!r}).read())",
        "of a process": "import os\nprint(open(f'/proc/{os.getppid()}/environ').read())",
        "of the miner": f"print(open('/proc/{os.getpid()}/environ').read())",
        "memory of the miner": f"print(open('/proc/{os.getpid()}/mem', 'rb').read(9))",
        "environment": "import os\nprint('root:' if 'SECRET' in os.environ else '')",
        "environment of C": "import ctypes\nf = ctypes.CDLL(None).getenv\nf.restype = ctypes.c_char_p\nprint(f(b'SECRET'))",
        "own memory": "import gc\nprint([s for s in gc.get_objects() if 'secret phrase' in repr(s)[:99]])",
    }


async def _attacked(programs: dict[str, str], without: tuple[str, ...]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        async with aclosing(Sandbox(patience_s=600, without=without)) as sandbox:
            await asyncio.gather(*(_lost(sandbox, name, code, listener) for name, code in programs.items()))
            await _until_no(_programs)
            (zygote,) = _processes()
            assert zygote.memory_info().rss < MOST_IDLE_BYTES
            ran = await sandbox.run("import json, sympy\nprint(json.dumps([1]), hasattr(sympy, 'leaked'))")
            assert ran.value == "[1] False"
        with pytest.raises(BlockingIOError):
            listener.accept()
    await _until_no(_processes)


async def _lost(sandbox: Sandbox, name: str, code: str, listener: socket.socket) -> None:
    code = code.replace("127.0.0.1', 9", f"127.0.0.1', {listener.getsockname()[1]}")
    ran = await sandbox.run(code, timeout_s=0.5)
    assert len(ran.value) <= MOST_VALUE, name
    assert len(ran.printed) <= MOST_PRINTED, name
    assert len(ran.error) <= MOST_ERROR, name
    assert "\n" not in ran.error, name
    assert "root:" not in ran.printed + ran.value + ran.error or name == "walk", name
    assert ran.value != "root:" and "hotkey" not in ran.value, name
    assert (await sandbox.run("print(6 * 7)", timeout_s=60)).value == "42", name


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


async def test_a_kernel_that_confines_nothing_runs_programs_elsewhere() -> None:
    for without in (("landlock", "namespaces"), ("seccomp",)):
        async with aclosing(Sandbox(without=without)) as sandbox:
            assert await sandbox.start() == ""
            assert not _processes()
            assert (await sandbox.run("Here:\n```python\nanswer = 6 * 7\n```", timeout_s=60)).value == "42"
            assert "No module named 'sympy'" in (await sandbox.run("import sympy", timeout_s=60)).error
            assert (await sandbox.run("I would rather not.", timeout_s=60)).error == "no program in it"
            assert (await sandbox.run("open('/etc/passwd')", timeout_s=60)).error
            assert (await sandbox.run("while True: pass", timeout_s=0.3)).error


@pytest.mark.parametrize("platform", ["darwin", "linux"])
async def test_without_any_means_no_program_runs_and_the_reason_is_said(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(_monty, "at_hand", lambda: False)
    async with aclosing(Sandbox(without=("seccomp",))) as sandbox:
        why = await sandbox.start()
        assert why.startswith("no program of a model runs here: ")
        assert "Linux 5.13" in why
        assert await sandbox.run("print(1)") == Ran("", why)


async def test_endless_programs_let_the_loop_go_on(sandbox: Sandbox) -> None:
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(2)]
    await _busy()
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not any(task.done() for task in endless)  # twenty turns while they run on
    for task in endless:
        task.cancel()
    await asyncio.wait(endless)
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=0.2)) for _ in range(6)]
    await asyncio.wait(endless)
    assert all(not task.result().value and task.result().error for task in endless)
    await _until_no(_programs)


async def test_many_at_once_wait_for_their_turn() -> None:
    async with aclosing(Sandbox(patience_s=600)) as sandbox:
        ran = await asyncio.gather(*(sandbox.run(f"print({n} ** 2)", timeout_s=60) for n in range(128)))
        assert [found.value for found in ran] == [str(n**2) for n in range(128)]
        assert len(_programs()) <= WORKERS


async def test_who_waits_too_long_is_lost() -> None:
    async with aclosing(Sandbox(workers=1, patience_s=0.05)) as sandbox:
        endless = asyncio.create_task(sandbox.run("while True: pass", timeout_s=60))
        await _busy()
        assert (await sandbox.run("print(1)")).error == "no worker was free"
        endless.cancel()
        await asyncio.wait({endless})
        assert (await sandbox.run("print(1)", timeout_s=60)).value == "1"


@pytest.mark.parametrize("which", [_programs, _processes])
async def test_what_is_killed_is_replaced(
    sandbox: Sandbox, which: Callable[[], list[psutil.Process]]
) -> None:
    endless = asyncio.create_task(sandbox.run("while True: pass", timeout_s=60))
    await _busy()
    for one in which():
        os.kill(one.pid, signal.SIGKILL)
    assert await endless == Ran("", "its process ended")
    assert (await sandbox.run("print(2)", timeout_s=60)).value == "2"


async def test_programs_end_with_a_miner_that_is_killed() -> None:
    """A zygote whose standard input ends, and a program whose zygote is killed."""
    sandbox = Sandbox()
    endless = asyncio.create_task(sandbox.run("import time\nwhile True: time.sleep(9)", timeout_s=600))
    async with asyncio.timeout(60):
        while not _programs():
            await asyncio.sleep(0.01)
    (program,) = _programs()
    zygote = program.parent()
    assert zygote is not None
    zygote.kill()
    assert (await endless).error == "its process ended"
    async with asyncio.timeout(60):
        while program.is_running() and program.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)
    await sandbox.aclose()


async def test_a_cancelled_program_ends(sandbox: Sandbox) -> None:
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(5)]
    await _busy()
    for task in endless:
        task.cancel()
    ended = await asyncio.gather(*endless, return_exceptions=True)
    assert all(isinstance(found, asyncio.CancelledError) for found in ended)
    assert (await sandbox.run("print(2)", timeout_s=60)).value == "2"
    await _until_no(_programs)


async def test_closing_ends_what_runs_and_what_waits() -> None:
    sandbox = Sandbox()
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(5)]
    await _busy()
    await sandbox.aclose()
    await sandbox.aclose()
    assert {task.result().error for task in await _all(endless)} == {"the sandbox is closed"}
    assert (await sandbox.run("print(1)")).error == "the sandbox is closed"
    await _until_no(_processes)


async def test_nothing_starts_before_the_first_program() -> None:
    async with aclosing(Sandbox()):
        assert not _processes()


async def _busy() -> None:
    """Until a program computes."""
    async with asyncio.timeout(60):
        while not any(one.cpu_times().user > 0.01 for one in _programs()):
            await asyncio.sleep(0.01)


async def _until_no(which: Callable[[], list[psutil.Process]]) -> None:
    """Processes that were killed are gone in a moment, but not at once on a busy machine."""
    async with asyncio.timeout(60):
        while which():
            await asyncio.sleep(0.01)


async def _all(tasks: list[asyncio.Task[Ran]]) -> list[asyncio.Task[Ran]]:
    await asyncio.wait(tasks)
    return tasks
