"""The rooms of the house: each is entered by its front door, and the inner ones know nothing of the outer."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import logicnet

HOUSE = Path(logicnet.__file__).parent
INNER = ("solver", "scoring", "volume", "deadline")
OUTER = ("httpx", "uvicorn", "openai", "sqlite3", "typer", "bittensor", "logicnet.chain", "logicnet.ledger")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def files(room: str = "") -> list[Path]:
    place = HOUSE / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def test_no_room_reaches_into_another():
    reached = [
        f"{file.relative_to(HOUSE)}: {name}"
        for file in files()
        for name in imports(file)
        if name.startswith("logicnet.")
        and "._" in name
        and not file.is_relative_to(HOUSE / name.split(".")[1])
    ]
    assert reached == []


@pytest.mark.parametrize("room", INNER)
def test_inner_rooms_know_no_wire_no_chain_and_no_disk(room):
    known = [
        f"{file.relative_to(HOUSE)}: {name}"
        for file in files(room)
        for name in imports(file)
        if name.startswith(OUTER)
    ]
    assert known == []
