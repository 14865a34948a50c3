"""The house: imports point inward, and private modules stay in their room."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import logicnet

HOUSE = Path(logicnet.__file__).parent

ORDER = (
    *(
        "errors",
        "deadline",
        "votelog",
        "_util",
        "settings",
        "protocol",
        "maths",
        "llm",
        "events",
        "logs",
    ),
    *("scoring", "answers", "chain", "ledger", "solver", "volume", "axon", "config"),
    *("evals.challenges", "evals.runs", "evals.report", "evals.arena", "evals.bench", "evals"),
    *(
        "tuning.train",
        "tuning",
        "operate.telemetry",
        "operate.serving",
        "operate",
        "miner",
        "serve",
        "cli",
        "__main__",
    ),
)
"""From the inside out. A module imports from its own place and from those before it, and from no other."""

PURE = ("solver", "answers", "maths", "scoring", "volume.quota", "deadline")
OUTSIDE = ("httpx", "uvicorn", "openai", "sqlite3", "typer", "bittensor", "logicnet.chain", "logicnet.ledger")


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@functools.cache
def imports(file: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            names += (name.name for name in node.names)
    return tuple(names)


def files(place: str = "") -> list[Path]:
    path = HOUSE.joinpath(*place.split(".")) if place else HOUSE
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def place_of(module: str) -> str | None:
    """The innermost name of `ORDER` that `module` lies in."""
    inside = module.removeprefix("logicnet.")
    return max((name for name in ORDER if f"{inside}.".startswith(f"{name}.")), key=len, default=None)


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_has_its_place_in_the_order():
    assert [module_of(file) for file in files() if place_of(module_of(file)) is None] == ["logicnet"]


def test_the_top_holds_few_places():
    places = {file.relative_to(HOUSE).parts[0].removesuffix(".py") for file in files()}
    assert len(places - {"__init__", "__main__"}) <= 24


def test_imports_point_inward():
    outward = [
        f"{module_of(file)} imports {name}"
        for file in files()
        for name in imports(file)
        if name.startswith("logicnet.")
        and (place := place_of(module_of(file))) is not None
        and (there := place_of(name)) is not None
        and ORDER.index(there) > ORDER.index(place)
    ]
    assert outward == []


def test_no_room_reaches_into_another():
    reached = [
        f"{module_of(file)} imports {name}"
        for file in files()
        for name in imports(file)
        if name.startswith("logicnet.")
        and "._" in (inside := name.replace("logicnet._util", "logicnet.util", 1))
        and not module_of(file).startswith(inside.partition("._")[0])
    ]
    assert reached == []


@pytest.mark.parametrize("place", PURE)
def test_what_thinks_knows_no_wire_no_chain_and_no_disk(place):
    known = [
        f"{module_of(file)} imports {name}"
        for file in files(place)
        for name in imports(file)
        if name.startswith(OUTSIDE)
    ]
    assert known == []


def test_a_class_name_has_one_meaning():
    """An underscore makes no second name: `_Answer` beside `Answer` is read as the same."""
    found: dict[str, list[str]] = {}
    for file in files():
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name.lstrip("_"), []).append(module_of(file))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_circle_of_modules():
    """Imports inside functions count, those for types alone do not."""
    modules = {module_of(file) for file in files()}
    needs: dict[str, set[str]] = {}
    for file in files():
        name = module_of(file)
        needs[name] = {one for one in run_imports(parsed(file), modules) if one != name}
    while leaves := [name for name, needed in needs.items() if not needed]:
        for leaf in leaves:
            del needs[leaf]
        for needed in needs.values():
            needed.difference_update(leaves)
    assert needs == {}


def run_imports(node: ast.AST, modules: set[str]) -> Iterator[str]:
    """The modules that `node` imports when it runs."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        for name in node.names:
            inner = f"{node.module}.{name.name}"
            yield from {inner if inner in modules else node.module} & modules
    elif isinstance(node, ast.Import):
        yield from {name.name for name in node.names} & modules
    for child in ast.iter_child_nodes(node):
        yield from run_imports(child, modules)
