"""A hostile program is lost and nothing else, and what runs programs starts, ends and is replaced."""

# ruff: noqa: E501  (a program a line)

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from logicnet.solver.sandbox import _monty
from logicnet.solver.sandbox._outcome import MOST_ERROR, MOST_PRINTED, MOST_VALUE
from logicnet.solver.sandbox.sandbox import LIBRARIES, WORKERS, Ran, Sandbox
from tests.unit.solver.sandbox import hostile

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

MOST_IDLE_BYTES = 192 << 20
"""Of the zygote: sympy and numpy take 65 MB."""

_MODEL_PROGRAMS = Path(__file__).with_name("model_programs.jsonl")

KERNELS = {"landlock and namespaces": (), "landlock": ("namespaces",), "namespaces": ("landlock",)}
"""What a kernel is to do without, by what it then confines files with."""


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with aclosing(Sandbox(patience_s=600)) as opened:
        yield opened


def _processes() -> list[psutil.Process]:
    """The zygote and its children."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if (
                child.status() != psutil.STATUS_ZOMBIE
                and "logicnet.solver.sandbox._zygote" in child.cmdline()
            ):
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


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
async def test_programs_as_models_write_them_run(kernel: tuple[str, ...]) -> None:
    rows = [json.loads(line) for line in _MODEL_PROGRAMS.read_text().splitlines()]
    async with aclosing(Sandbox(without=kernel, patience_s=600)) as sandbox:
        ran = await asyncio.gather(*(sandbox.run(row["program"], timeout_s=120) for row in rows))
    assert [(row["name"], one.value, one.error) for row, one in zip(rows, ran, strict=True)] == [
        (row["name"], row["prints"], "") for row in rows
    ]


def test_the_hostile_programs_are_many() -> None:
    assert len(hostile.PROGRAMS) >= 230


WALLET = ".bittensor/wallets/mine/hotkeys/hotkey"
_LIBRARY = Path(sysconfig.get_paths()["purelib"])
_ESCAPES = (*map(Path, ("/", "/tmp", "/var/tmp", "/dev/shm")), Path.home(), Path.cwd(), _LIBRARY)
"""Folders where what a program wrote by a relative path, or as shared memory, may turn up."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a wallet, a working folder beside it, and a secret in the environment; none changes."""
    home = _furnished(tmp_path)
    monkeypatch.chdir(tmp_path / "mining")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET", "root: the secret phrase")
    before, escaped, library = _everything(tmp_path), _escaped(), _state(_LIBRARY / "sympy/__init__.py")
    yield home
    assert _everything(tmp_path) == before
    assert _escaped() - escaped == set()
    assert _state(_LIBRARY / "sympy/__init__.py") == library


def _furnished(folder: Path) -> Path:
    """A home, returned, and a working folder beside it."""
    wallet = folder / "home" / WALLET
    wallet.parent.mkdir(parents=True)
    wallet.write_text("root: the secret phrase")
    (folder / "mining").mkdir()
    (folder / "mining/miner.log").write_text("started")
    return folder / "home"


def _everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path.relative_to(folder)): _state(path) for path in folder.rglob("*")}


def _state(path: Path) -> tuple[int, bytes]:
    """Its type and permissions, and its content."""
    mode = path.lstat().st_mode
    return mode, path.read_bytes() if stat.S_ISREG(mode) else b""


def _escaped() -> set[Path]:
    return {found for folder in _ESCAPES if folder.is_dir() for found in folder.glob("*escaped*")}


def _writers(home: Path) -> dict[str, str]:
    """Programs that change a file by its absolute path, wherever they run."""
    wallet, log, new = (str(one) for one in (home / WALLET, home / "../mining/miner.log", home / "escaped"))
    return {
        "new in home": f"open({new!r}, 'w').write('x')",
        "new in the working folder": f"open({log + '.escaped'!r}, 'w').write('x')",
        "wallet overwritten": f"open({wallet!r}, 'w').write('x')",
        "wallet appended": f"open({wallet!r}, 'a').write('x')",
        "wallet opened for both": f"open({wallet!r}, 'r+').write('x')",
        "wallet cut": f"import os\nos.truncate({wallet!r}, 0)",
        "wallet cut low": f"import os\nos.open({wallet!r}, os.O_RDONLY | os.O_TRUNC)",
        "wallet removed": f"import os\nos.remove({wallet!r})",
        "wallet renamed": f"import os\nos.rename({wallet!r}, {new!r})",
        "wallet linked": f"import os\nos.link({wallet!r}, {new!r})",
        "wallet linked softly": f"import os\nos.symlink({wallet!r}, {new!r})",
        "wallet for all": f"import os\nos.chmod({wallet!r}, 0o777)",
        "wallet by another root": f"open('/proc/self/root' + {wallet!r}, 'w').write('x')",
        "wallet in a shell": f"import os\nos.system('rm ' + {wallet!r})",
        "log replaced": f"from pathlib import Path\nPath({log!r}).write_text('x')",
        "folder made": f"import os\nos.mkdir({new!r})",
        "pipe made": f"import os\nos.mkfifo({new!r})",
        "home removed": f"import shutil\nshutil.rmtree({str(home)!r})",
        "numpy to file": f"import numpy as np\nnp.ones(3).tofile({new!r})",
        "numpy mapped": f"import numpy as np\nnp.memmap({wallet!r}, mode='r+')[:] = 0",
        "database": f"import sqlite3\nsqlite3.connect({new!r}).execute('create table x (y)')",
        "ctypes opened": f"import ctypes\nctypes.CDLL(None).open({new.encode()!r}, 65, 511)",
        "ctypes cut": f"import ctypes\nctypes.CDLL(None).truncate({wallet.encode()!r}, 0)",
        "ctypes removed": f"import ctypes\nctypes.CDLL(None).unlink({wallet.encode()!r})",
    }


@pytest.mark.thorough
@pytest.mark.parametrize("group", hostile.GROUPS)
async def test_hostile_programs_are_lost_and_nothing_else(group: str, home: Path) -> None:
    await _attacked(hostile.GROUPS[group], ())


@pytest.mark.thorough
@pytest.mark.parametrize("kernel", [one for one in KERNELS.values() if one], ids=[*KERNELS][1:])
async def test_whatever_of_both_the_kernel_has(kernel: tuple[str, ...], home: Path) -> None:
    ours = {**_readers(home), **_writers(home)}
    await _attacked({**hostile.REACHING, **hostile.WITH_LIBRARIES, **ours}, kernel)


async def test_the_wallet_and_the_environment_are_out_of_sight(home: Path) -> None:
    await _attacked({**_readers(home), **_writers(home)}, ())


async def test_nor_does_the_fallback_change_a_file(home: Path) -> None:
    async with aclosing(Sandbox(without=("seccomp",))) as sandbox:
        for name, code in _writers(home).items():
            assert (await sandbox.run(code, timeout_s=60)).error, name
    assert not _processes()


@pytest.mark.parametrize("name", _writers(Path()))
def test_unconfined_each_of_these_programs_changes_a_file(name: str, tmp_path: Path) -> None:
    """So that a check that nothing changed says something."""
    home = _furnished(tmp_path)
    before = _everything(tmp_path)
    subprocess.run([sys.executable, "-c", _writers(home)[name]], cwd="/", check=False, capture_output=True)
    assert _everything(tmp_path) != before


def _readers(home: Path) -> dict[str, str]:
    secret = home / WALLET
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


@pytest.mark.thorough
async def test_a_program_finds_nothing_of_another(sandbox: Sandbox) -> None:
    other = (
        "import os\nfor n in range(3, 64):\n    try: os.write(n, b'a secret of another')\n"
        "    except OSError: pass\nwhile True: pass"
    )
    endless = asyncio.create_task(sandbox.run(other, timeout_s=60, caller="other"))
    await _busy()
    look = (
        "import gc\nprint([one for one in gc.get_objects() if ''.join(['a secr', 'et']) in repr(one)[:9999]])"
    )
    assert (await sandbox.run(look, timeout_s=60, caller="curious")).value == "[]"
    endless.cancel()
    await asyncio.wait({endless})


async def test_a_kernel_that_confines_nothing_runs_programs_elsewhere() -> None:
    for without in (("landlock", "namespaces"), ("seccomp",)):
        async with aclosing(Sandbox(without=without)) as sandbox:
            assert sandbox.libraries == LIBRARIES  # before it is known
            assert (await sandbox.start(), sandbox.refused) == ("", "")
            assert (list(sandbox.libraries), _processes()) == ([], [])
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
        assert sandbox.refused == why
        assert why.startswith("no program of a model runs here: ")
        assert "Linux 5.13" in why
        assert await sandbox.run("print(1)") == Ran("", why)


async def test_what_programs_may_import_is_said(sandbox: Sandbox) -> None:
    await sandbox.start()
    assert (tuple(sandbox.libraries), sandbox.refused) == (LIBRARIES, "")


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


@pytest.mark.thorough
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
    endless = asyncio.create_task(sandbox.run("while True: pass", timeout_s=600))
    program = await _busy()
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
    assert [found for found in ended if not isinstance(found, asyncio.CancelledError)] == []
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


async def _busy() -> psutil.Process:
    """A program that computes, once there is one. Other children of the zygote's only try what it may do."""
    async with asyncio.timeout(60):
        while True:
            for one in _programs():
                with suppress(psutil.NoSuchProcess):
                    if one.cpu_times().user > 0.3:
                        return one
            await asyncio.sleep(0.01)


async def _until_no(which: Callable[[], list[psutil.Process]]) -> None:
    """Processes that were killed are gone in a moment, but not at once on a busy machine."""
    async with asyncio.timeout(60):
        while which():
            await asyncio.sleep(0.01)


async def _all(tasks: list[asyncio.Task[Ran]]) -> list[asyncio.Task[Ran]]:
    await asyncio.wait(tasks)
    return tasks
