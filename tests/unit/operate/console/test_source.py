from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from logicnet.ledger import LedgerReader, Row, Search
from logicnet.operate.console import challenges
from logicnet.operate.console.history import UNENDED_S
from logicnet.operate.console.source import HOUR_S, MinerSource
from logicnet.operate.telemetry.state import address_file
from tests.unit.ledger.facts import admitted, answered, epoch
from tests.unit.operate.console.scenes import NOW_S, in_flight, scene, state, volume

pytestmark = pytest.mark.thorough  # starts processes, and waits for them


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "miner.sqlite"


def at_now(path: Path) -> MinerSource:
    return MinerSource(path, now_s=lambda: NOW_S)


def test_a_miner_at_work_is_seen_whole(path: Path) -> None:
    with scene(path) as made, at_now(path) as source:
        made.state = state(path, solving=[in_flight("now", 40.0)], volumes=[volume()])
        seen = source.snapshot()
    assert seen.miner is not None and seen.miner.hotkey == "5MinerMinerMiner"
    assert [(one.challenge_id, one.left_s) for one in seen.solving] == [("now", 40.0)]
    assert seen.solving[0].question.startswith("<img src=x") and seen.solving[0].question.isprintable()
    assert [one.challenge_id for one in seen.answers] == ["c4", "left", "c3", "c2", "c1", "c0"]
    assert (seen.in_time, len(seen.refusals), seen.refusals[0].count) == (5, 1, 2)
    assert [one.rank for one in seen.ranks] == [40, 20, 12]
    assert (seen.ledger_error, seen.asked) == ("", True)
    assert sum(bucket.answered for bucket in seen.buckets) == 6


def test_rewards_are_told_where_they_are_known(path: Path) -> None:
    with scene(path), at_now(path) as source:
        known = {one.challenge_id: (one.known_by, one.correctness) for one in source.snapshot().answers}
        rewards = {one.challenge_id: one.reward for one in source.snapshot().answers}
    assert known["left"] == ("silence", None)
    assert known["c1"] == ("exact", 1.0) and known["c2"] == ("exact", 0.0)
    assert known["c0"] == ("", None)
    assert rewards["left"] == 0.0 and rewards["c0"] is None
    # (0.3 * 0.5 + 0.7 - 0.05 * 3 / 64) / 2 + 0.5, the volume being full
    assert rewards["c1"] == pytest.approx(0.9238, abs=1e-4)
    assert rewards["c2"] == pytest.approx(0.5734, abs=1e-4)


def test_the_whole_page_has_the_volume_factor_of_the_miner(path: Path) -> None:
    with at_now(path) as source:
        with scene(path):
            full = {one.challenge_id: one for one in source.snapshot().answers}
        with scene(path, filled=False) as made:
            made.state = state(path, epoch_volume=256)  # the miner was started again
            half = source.snapshot()
            found = source.challenge("c1")
            listed = {row["challenge_id"]: one for row, one in source.search(Search(0.0), 10)[0]}
    rewards = {one.challenge_id: one for one in half.answers}
    assert rewards["c1"].reward == pytest.approx(0.95 * 0.9238, abs=1e-4)
    for name, one in rewards.items():
        assert one.between == pytest.approx([0.95 * end for end in full[name].between])
        if one.reward is not None:
            assert one.reward == pytest.approx(0.95 * (full[name].reward or 0.0))
    assert found is not None and found[1] is not None and found[1].reward == rewards["c1"].reward
    assert listed["c1"] is not None and listed["c1"].reward == rewards["c1"].reward
    assert "with volume 256" in challenges.about(*found, source.epoch_volume, NOW_S)
    assert half.reward is not None
    assert half.reward.high == pytest.approx(
        fmean(one.between[1] if one.reward is None else one.reward for one in half.answers)
    )


def test_the_next_look_reads_only_what_is_new(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[float] = []
    watched = LedgerReader.watched

    def noted(reader: LedgerReader, since_s: float, most: int = 300, **more: Any) -> list[Row]:
        if not more:  # the curve's own intervals are none of this
            read.append(since_s)
        return watched(reader, since_s, most, **more)

    monkeypatch.setattr(LedgerReader, "watched", noted)
    with scene(path) as made, at_now(path) as source:
        first = source.snapshot()
        end = answered("now", seconds=20.0)
        object.__setattr__(end, "at_s", NOW_S)
        made.ledger.record(end)
        made.ledger.flush()
        second = source.snapshot()
    assert read[0] == NOW_S - HOUR_S - UNENDED_S and read[1] > NOW_S - HOUR_S
    assert len(second.answers) == len(first.answers) + 1
    assert second.answers[0].challenge_id == "now"


@pytest.mark.parametrize(("away", "late_s"), [(False, 30.0), (True, 600.0)])
def test_what_was_written_late_is_seen_all_the_same(path: Path, away: bool, late_s: float) -> None:
    now_s = NOW_S
    with scene(path, filled=False) as made, MinerSource(path, now_s=lambda: now_s) as source:
        made.state = state(path, ledger_away=away)
        assert source.snapshot().answers == ()
        now_s += late_s
        assert source.snapshot().answers == ()
        made.ledger.record(admitted("late", epoch(1), at_s=NOW_S))
        made.ledger.record(replace(answered("late"), at_s=NOW_S + 2.5))
        assert made.ledger.flush()
        assert [one.challenge_id for one in source.snapshot().answers] == ["late"]


def test_there_is_no_ledger_yet(path: Path) -> None:
    with at_now(path) as source:
        seen = source.snapshot()
        assert seen.ledger_error.startswith("There is no ledger at")
        assert [one.level for one in seen.alerts] == ["bad", "warning"]
        assert seen.asked is False
        with scene(path):
            later = source.snapshot()
    assert later.ledger_error == "" and len(later.answers) == 6


def test_a_ledger_that_is_locked_is_said_and_what_was_read_stays(path: Path) -> None:
    with scene(path), at_now(path) as source:
        before = source.snapshot()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with at_now(path) as other:
            other._answers = dict(source._answers)
            other._last = before
            seen = other.snapshot()
    finally:
        holder.close()
    assert "locked" in seen.ledger_error
    assert seen.answers == before.answers
    assert any("Another program holds it" in one.mend for one in seen.alerts)


@pytest.mark.parametrize("content", [b"\xa5" * 9000, b"SQLite format 3\0" + b"\xa5" * 9000])
def test_a_damaged_ledger_is_said_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with at_now(path) as source:
        seen = source.snapshot()
    assert "cannot be read" in seen.ledger_error
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with scene(path), at_now(path) as source:  # the miner puts it aside
        again = source.snapshot()
    (kept,) = path.parent.glob("*.damaged-*")
    assert kept.read_bytes() == content
    assert again.ledger_error == ""
    assert any(kept.name in one.what for one in again.alerts)


def test_the_miner_of_another_ledger_is_not_taken_for_ours(path: Path) -> None:
    with scene(path) as made, at_now(path) as source:
        made.state = state(path.with_name("other.sqlite"))
        assert source.snapshot().miner is None


@pytest.mark.parametrize(
    "told",
    [b"", b"{}", b"[]", b'{"url": 7}', b'{"url": "http://127.0.0.1:1"}', b'{"url": "http://[x"}', b"\xff"],
)
def test_a_miner_that_is_gone_or_garbled_is_none(path: Path, told: bytes) -> None:
    address_file(path).write_bytes(told)
    with at_now(path) as source:
        assert source.snapshot().miner is None


def test_another_program_on_its_port_is_no_miner(path: Path) -> None:
    with scene(path) as made, at_now(path) as source:
        made.tell = lambda: json.dumps({"hello": "world"}).encode()  # type: ignore[method-assign]
        address = json.loads(address_file(path).read_bytes())
        assert address["url"].startswith("http://127.0.0.1:")
        seen = source.snapshot()
    assert seen.miner is not None  # the page was put up with the first `tell`; now one that is not a state
    address_file(path).write_text(json.dumps({"url": address["url"] + "/other"}))
    with at_now(path) as source:
        assert source.snapshot().miner is None


def test_what_a_miner_that_died_was_solving_is_no_answer(path: Path) -> None:
    with scene(path, filled=False) as made, at_now(path) as source:
        made.ledger.record(admitted("lost", epoch(1), at_s=NOW_S - 1000))
        made.ledger.flush()
        seen = source.snapshot()
    assert (seen.answers, seen.solving) == ((), ())


def test_a_clock_that_jumps_ahead_and_back_hides_no_answer(path: Path) -> None:
    now_s = NOW_S
    with scene(path) as made, MinerSource(path, now_s=lambda: now_s) as source:
        before = source.snapshot().answers
        now_s += 86_400.0
        assert source.snapshot().answers == ()
        now_s = NOW_S
        assert source.snapshot().answers == before
        end = answered("now", seconds=20.0)
        object.__setattr__(end, "at_s", NOW_S)
        made.ledger.record(end)
        made.ledger.flush()
        assert source.snapshot().answers[0].challenge_id == "now"


def test_a_ledger_that_the_system_does_not_show_is_said(tmp_path: Path) -> None:
    with at_now(tmp_path / f"{'x' * 300}.sqlite") as source:  # as with a folder of another user
        assert "cannot be read: File name too long" in source.snapshot().ledger_error
