import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.chain import Standing
from logicnet.operate.console.miners import panel
from logicnet.operate.console.run import other_miners
from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource
from logicnet.settings import ConsoleSettings, LedgerSettings, Settings
from tests.unit.operate.console.scenes import NOW_S, scene
from tests.unit.operate.console.test_run import settings


@pytest.fixture
def now(tmp_path: Path) -> Iterator[Snapshot]:
    """A miner with one that is well beside it, and a third that does not run."""
    earns = Standing(20.0, 0.05, 0.0, 30, 0)
    with ExitStack() as stack:
        paths = [tmp_path / f"{name}.sqlite" for name in ("one", "two")]
        scenes = [stack.enter_context(scene(path)) for path in paths]
        for made, hotkey in zip(scenes, ("5Onexxxxxx", "5Two<script>"), strict=True):
            made.state = made.state.model_copy(update={"hotkey": hotkey, "standing": earns})
        others = [
            stack.enter_context(MinerSource(path, now_s=lambda: NOW_S))
            for path in (paths[1], tmp_path / "three.sqlite")
        ]
        source = stack.enter_context(MinerSource(paths[0], others=others, now_s=lambda: NOW_S))
        for _ in range(1000):
            if (found := source.snapshot()).others:
                break
            time.sleep(0.01)
        yield found


def test_a_row_for_each_miner_with_its_state_answers_rank_and_income(now: Snapshot) -> None:
    rows = panel(now).split('<div class="server">')[1:]
    first, second, third = rows
    assert "5Onexxxx" in first and "5Two&lt;scr" in second and "three" in third
    assert "6 answered in the last hour, 83.3% in time" in first
    assert "rank 12 of 256, 1.0000 TAO a day" in second and "<script>" not in second
    assert 'class="dot bad"' in third and "0 answered" in third
    later = panel(replace(now, at_s=NOW_S + 31)).split('<div class="server">')[1:]
    assert ["as of 01:46:40 UTC" in row for row in later] == [False, True, True]
    assert "2 of 3 run; 2 earn 2.0000 TAO a day together." in third


def test_one_miner_alone_has_no_such_panel(now: Snapshot) -> None:
    assert panel(replace(now, others=())) == ""


def test_several_ledgers_are_given_by_one_flag_each_or_by_commas() -> None:
    assert settings(also="/a.sqlite,~/b.sqlite").console.ledgers == [
        Path("/a.sqlite"),
        Path("~/b.sqlite").expanduser(),
    ]
    assert settings().console.ledgers == []


def test_no_ledger_is_shown_twice(tmp_path: Path) -> None:
    given = Settings(
        ledger=LedgerSettings(path=tmp_path / "own"),
        console=ConsoleSettings(also=f"{tmp_path}/x/../own,{tmp_path}/b,{tmp_path}/b,{tmp_path}/a"),
    )
    assert other_miners(given) == [(tmp_path / "b", ""), (tmp_path / "a", "")]
