from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource
from logicnet.operate.console.top import top, view
from logicnet.operate.telemetry.state import ModelServerState
from tests.unit.operate.console.scenes import NOW_S, in_flight, scene, state, volume


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    path = tmp_path_factory.mktemp("top") / "miner.sqlite"
    with scene(path) as made, MinerSource(path, now_s=lambda: NOW_S) as source:
        made.state = state(path, solving=[in_flight("now", 40.0)], volumes=[volume(refused=3)])
        return source.snapshot()


def shown(seen: Snapshot, width: int, height: int = 60) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(view(seen, width, height))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_width_shows_what_matters_and_no_line_is_longer(seen: Snapshot, width: int) -> None:
    lines = shown(seen, width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    for word in ("In flight", "40.0 s", "Answered", "over_quota", "127.0.0.1:8000", "Rank", "5MinerMi"):
        assert word in text


def test_it_ends_where_the_terminal_ends_with_the_most_urgent_first(seen: Snapshot) -> None:
    many = replace(seen, solving=tuple(replace(seen.solving[0], challenge_id=str(n)) for n in range(90)))
    lines = shown(many, 60, height=30)
    assert sum("40.0 s" in line and "5Alice" in line for line in lines) < 15
    assert any("more" in line for line in lines)


def test_how_long_a_server_is_down_is_seen(seen: Snapshot) -> None:
    away = ModelServerState(name="10.0.0.8:8000", healthy=False, down_since_s=NOW_S - 12.0)
    lines = shown(replace(seen, servers=(*seen.servers, away)), 60)
    assert any("10.0.0.8:8000" in line and "down 12 s" in line for line in lines)


def test_what_a_stranger_wrote_gives_the_terminal_no_orders(seen: Snapshot) -> None:
    text = "\n".join(shown(seen, 120))
    assert "\x1b" not in text and "<img src=x" in text


def test_nothing_yet(tmp_path: Path) -> None:
    with MinerSource(tmp_path / "none.sqlite", now_s=lambda: NOW_S) as source:
        text = "\n".join(shown(source.snapshot(), 60))
    assert "no miner is running" in text and "There is no ledger at" in text


def test_one_look_where_nobody_can_watch(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    with MinerSource(tmp_path / "none.sqlite", now_s=lambda: NOW_S) as source:
        top(source, console)
    assert "no miner is running" in console.file.getvalue()  # type: ignore[attr-defined]


class Enough(Exception):
    pass


def test_it_is_live_until_told_to_stop(tmp_path: Path) -> None:
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Enough

    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    with MinerSource(tmp_path / "none.sqlite", now_s=lambda: NOW_S) as source, pytest.raises(Enough):
        top(source, console, sleep=sleep)
    assert looks == 3
