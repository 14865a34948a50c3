"""The zygote: imports what programs import, confines itself, and forks a fresh child for each program.

    <- {"number": 7, "texts": ["print(1)"], "timeout_s": 10}      {"number": 7} ends it
    -> {"confined": ["seccomp", "landlock", "namespaces"],        first; or {"refused": "why"}, and it ends
        "libraries": ["numpy", "sympy"]}
    -> {"number": 7, "said": "value\0error\0printed"}             or {"number": 7, "error": "why"}

It runs no line of a model itself: it copies what a child says, whatever that is, and keeps none of it. A
child inherits libraries, one pipe to write to, and no other file. Ends when its standard input does.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import resource
import selectors
import signal
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from logicnet._util import confine
from logicnet.solver.sandbox._outcome import names, outcome

MEMORY_BYTES = 512 << 20  # of address space that a program may take beside what the libraries have
MOST_SAID = 128 << 10  # bytes: what a program printed, and its result
_OPEN_FILES = 64

_LIBRARIES = (
    *(
        "numpy",
        "numpy.linalg",
        "numpy.random",
        "sympy",
        "statistics",
        "heapq",
        "bisect",
        "operator",
        "calendar",
    ),
    *("typing", "dataclasses", "cmath", "ctypes", "zlib", "copy", "textwrap", "inspect"),
)
"""Loaded before the first program, so that none waits for them."""

_FIRST_USE = """
x = symbols("x")
simplify(sympy.sqrt(72) + x)
solve(Eq(x**2 - 5 * x + 6, 0), x)
solve([x + sympy.Symbol("y") - 3, x - 1])
integrate(x**2 * sympy.sin(x), (x, 0, 3))
sympy.limit(sympy.sin(x) / x, x, 0), sympy.N(sympy.pi), sympy.sympify("1 + x"), sympy.factorint(60)
"""


@dataclass(slots=True)
class _Program:
    number: int
    pid: int
    until_s: float  # on the monotonic clock
    timeout_s: float
    said: bytearray = field(default_factory=bytearray)


def main(without: list[str]) -> None:
    """`without`: means of confinement to do without, for tests."""
    requests, replies = os.dup(0), os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the one who started us
    try:
        means = _means(set(without))
        given = _loaded()
        _confine(means)
    except OSError as error:
        print(json.dumps({"refused": str(error)}), file=replies, flush=True)
        return
    libraries = [one for one in _LIBRARIES if one in sys.modules]
    print(json.dumps({"confined": sorted(means), "libraries": libraries}), file=replies, flush=True)
    _ForkServer(requests, replies, given).serve()


def _loaded() -> dict[str, Any]:
    for library in _LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    given = names()
    if "sympy" in sys.modules:  # which loads and looks up much at first use
        exec(_FIRST_USE, dict(given))  # noqa: S102  (our own text)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)  # the same program has the same result
    return given


def _means(without: set[str]) -> set[str]:
    """How this kernel can confine this process. Raises OSError where that is not enough."""
    found = {
        name
        for name, can in (
            ("seccomp", partial(confine.can, confine.compute_only)),
            ("landlock", partial(confine.can, confine.read_only_below, [])),
            ("namespaces", confine.can_separate),
        )
        if name not in without and can()
    }
    if "seccomp" not in found:
        raise OSError("this kernel has no seccomp")
    if len(found) == 1:
        raise OSError("this kernel has neither landlock nor namespaces for this user")
    return found


def _confine(means: set[str]) -> None:
    """Keep no file but libraries in reach, by landlock or a root of its own, both if possible."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, the kernel ends us first
    limits, folders = _limits(), _library_folders()
    if "namespaces" in means:
        confine.separate(network=False, hidden=())
        confine.leave_only(folders)
    if "landlock" in means:
        confine.read_only_below(folders)
    for which, most in limits.items():
        confine.limit(which, most)


def _limits() -> dict[int, int]:
    """Those of the zygote and its children alike."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return {
        resource.RLIMIT_AS: pages * resource.getpagesize() + MEMORY_BYTES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }


def _library_folders() -> list[Path]:
    """Python's own library and the folders of installed packages; not what a `.pth` file adds to them."""
    paths = sysconfig.get_paths()
    found = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.add(Path(os.__file__).parent)
    for library in ("numpy", "sympy", "mpmath"):
        if (file := getattr(sys.modules.get(library), "__file__", None)) is not None:
            found.add(Path(file).parent)
    return sorted(folder for folder in found if folder.is_dir())


class _ForkServer:
    def __init__(self, requests: int, replies: Any, given: dict[str, Any]) -> None:
        self._requests = requests
        self._replies = replies
        self._given = given
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, _Program] = {}  # by pipe

    def serve(self) -> None:
        gc.collect()
        gc.freeze()  # so that a child's collections copy no page of the libraries
        self._selector.register(self._requests, selectors.EVENT_READ)
        rest = b""
        while True:
            soonest_s = min((one.until_s for one in self._running.values()), default=None)
            wait_s = None if soonest_s is None else max(0.0, soonest_s - time.monotonic())
            for key, _ in self._selector.select(wait_s):
                if key.fd != self._requests:
                    self._read(key.fd)
                elif not (more := os.read(self._requests, 1 << 16)):
                    return self._end_all()
                else:
                    *lines, rest = (rest + more).split(b"\n")
                    for line in lines:
                        self._take(json.loads(line))
            for pipe, one in list(self._running.items()):
                if time.monotonic() >= one.until_s:
                    self._end(pipe, {"error": f"took longer than {one.timeout_s:g} s"})

    def _take(self, request: dict[str, Any]) -> None:
        if "texts" in request:
            self._fork(request)
            return
        for pipe, one in list(self._running.items()):
            if one.number == request["number"]:
                self._end(pipe, {"error": "ended"})

    def _fork(self, request: dict[str, Any]) -> None:
        timeout_s = request["timeout_s"]
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(read)
            os.close(write)
            self._reply(request["number"], {"error": f"no process for it: {error.strerror}"})
            return
        if pid == 0:
            try:
                self._selector.close()
                for other in self._running.values():
                    other.said.clear()  # what other programs have said so far is not this one's to see
                _become_program(request["texts"], self._given, write, timeout_s)
            finally:
                os._exit(1)
        os.close(write)
        self._running[read] = _Program(request["number"], pid, time.monotonic() + timeout_s, timeout_s)
        self._selector.register(read, selectors.EVENT_READ)

    def _read(self, pipe: int) -> None:
        one = self._running[pipe]
        more = os.read(pipe, 1 << 16)
        one.said += more
        if not more and one.said.count(0) >= 2:
            self._end(pipe, {"said": one.said.decode(errors="replace")})
        elif not more:
            self._end(pipe, {"error": "its process ended"})
        elif len(one.said) > MOST_SAID:
            self._end(pipe, {"error": f"said more than {MOST_SAID} bytes"})

    def _end(self, pipe: int, reply: dict[str, str]) -> None:
        one = self._running.pop(pipe)
        self._selector.unregister(pipe)
        os.close(pipe)
        os.kill(one.pid, signal.SIGKILL)  # it may have closed its pipe and gone on
        os.waitpid(one.pid, 0)
        self._reply(one.number, reply)

    def _reply(self, number: int, reply: dict[str, str]) -> None:
        print(json.dumps({"number": number, **reply}), file=self._replies, flush=True)

    def _end_all(self) -> None:
        for one in self._running.values():
            os.kill(one.pid, signal.SIGKILL)


def _become_program(texts: list[str], given: dict[str, Any], pipe: int, timeout_s: float) -> None:
    confine.end_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, _OPEN_FILES)
    seconds = int(timeout_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    confine.compute_only()
    random.seed(0)  # which a fork undoes, and numpy's not
    said = "\0".join(part.replace("\0", "") for part in outcome(texts, given))
    left = memoryview(said.encode(errors="replace"))
    while left:
        left = left[os.write(pipe, left) :]


if __name__ == "__main__":
    main(sys.argv[1:])
