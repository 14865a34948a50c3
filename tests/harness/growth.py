"""Growth: whether the time of a call grows faster than its text.

Eight calls on a text and one on a text of eight times its length do the same work if the time is linear, and
one eighth of it if it is quadratic. Both are measured in CPU time, and what is short is not compared, so that
the verdict does not depend on the machine and its load.
"""

import ast
import importlib
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import logicnet

TIMES = 8
_STEEP = 3.0  # of the same work; 8 if it is quadratic
_SHORT_S = 0.025  # CPU seconds that say nothing. A quadratic search of 8,000 characters takes over 0.05
_LONGEST_S = 30.0  # CPU seconds of one call

_METHODS = frozenset(("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"))
_AT_START = frozenset(("match", "fullmatch"))


class _Stuck(BaseException):
    """Not an Exception, which what is measured may catch."""


def is_steep(call: Callable[[str], object], text: str, short: str) -> bool:
    """Whether `call(text)` takes clearly longer than eight times `call(short)`, an eighth of `text`."""
    with _limited():
        try:
            first_s = _seconds(lambda: call(text))
            if first_s < _SHORT_S or first_s <= TIMES * _seconds(lambda: call(short)):
                return False
            once = min(_seconds(lambda: call(text)) for _ in range(3))
            parts = min(_seconds(lambda: [call(short) for _ in range(TIMES)]) for _ in range(3))
        except _Stuck:
            return True
    return once > _STEEP * max(parts, _SHORT_S / TIMES)


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Stuck

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _seconds(call: Callable[[], object]) -> float:
    started_s = time.process_time()
    call()
    return time.process_time() - started_s


@dataclass(frozen=True)
class Named:
    """A pattern of the package, its place, and the methods by which it is used there."""

    place: str
    pattern: re.Pattern[str] = field(compare=False)
    methods: frozenset[str] = field(compare=False)

    def calls(self) -> list[Callable[[str], object]]:
        """The ways to use it, each from the start to the end of a text."""
        if self.methods and self.methods <= _AT_START:
            return [getattr(self.pattern, method) for method in sorted(self.methods)]
        return [lambda text: sum(1 for _ in self.pattern.finditer(text))]


def patterns() -> list[Named]:
    """All compiled patterns of the package: those in its modules' values, and those that its calls name."""
    found: dict[str, Named] = {}
    for module in _modules():
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        known = dict(_in_values(module))
        used: dict[str, set[str]] = {}
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = call.func
            if not isinstance(function, ast.Attribute) or function.attr not in _METHODS:
                continue
            if not isinstance(function.value, ast.Name):
                continue
            if function.value.id == "re":
                if (pattern := _inline(call)) is not None:
                    place = f"{module.__name__}:{call.lineno}"
                    found[place] = Named(place, pattern, frozenset({function.attr}))
            else:
                used.setdefault(function.value.id, set()).add(function.attr)
        for loop in (node for node in ast.walk(tree) if isinstance(node, _LOOPS)):
            for name, methods in _in_loop(loop).items():
                used.setdefault(name, set()).update(methods)
        for name, pattern in known.items():
            methods = used.get(name.partition("[")[0], set())
            found[f"{module.__name__}.{name}"] = Named(
                f"{module.__name__}.{name}", pattern, frozenset(methods)
            )
    once = {(one.pattern.pattern, one.pattern.flags, one.methods): one for one in found.values()}
    return sorted(once.values(), key=lambda one: one.place)


_LOOPS = (ast.For, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _in_loop(loop: Any) -> dict[str, set[str]]:
    """Names that a loop goes over, and the methods that it calls on what it takes from them."""
    heads = [loop] if isinstance(loop, ast.For) else loop.generators
    over = {node.id for head in heads for node in ast.walk(head.iter) if isinstance(node, ast.Name)}
    taken = {node.id for head in heads for node in ast.walk(head.target) if isinstance(node, ast.Name)}
    called = {
        node.attr
        for node in ast.walk(loop)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in taken
        and node.attr in _METHODS
    }
    return dict.fromkeys(over, called)


def _modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(logicnet.__path__, "logicnet."):
        trains = info.name.startswith("logicnet.tuning.train.")  # in an environment of its own, in a process
        if not trains and not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def _in_values(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    for name, value in list(vars(module).items()):
        if not name.startswith("__"):
            yield from _in_value(name, value)


def _in_value(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield name, value
    elif isinstance(value, Mapping) and depth < 4:
        for key, one in value.items():
            yield from _in_value(f"{name}[{key!r}]", one, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 4:
        for place, one in enumerate(value):
            yield from _in_value(f"{name}[{place}]", one, depth + 1)


def _inline(call: ast.Call) -> re.Pattern[str] | None:
    """The pattern of `re.search("...", text, re.IGNORECASE)`; None if it is put together at run time."""
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    flags = re.NOFLAG
    for argument in (*call.args[1:], *(keyword.value for keyword in call.keywords)):
        for name in re.findall(r"\bre\.([A-Z]+)", ast.unparse(argument)):
            flags |= re.RegexFlag[name]
    return re.compile(first.value, flags)
