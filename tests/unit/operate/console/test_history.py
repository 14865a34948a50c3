"""The curve over longer times, from a real ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.ledger import Ledger, LedgerReader, Row
from logicnet.operate.console.history import SAMPLE, SPANS, UNENDED_S, History
from logicnet.operate.console.snapshot import JudgedAs
from tests.unit.ledger.facts import admitted, answered, epoch
from tests.unit.operate.console.scenes import NOW_S


def record(ledger: Ledger, name: str, at_s: float, seconds: float = 2.0) -> None:
    ledger.record(admitted(name, epoch(1), at_s=at_s))
    ledger.record(replace(answered(name, seconds=seconds), at_s=at_s + seconds))


class Reads(History):
    """Notes which intervals are read, each of which takes `took_s`."""

    def __init__(self, took_s: float = 0.0) -> None:
        super().__init__(self.score, clock=lambda: self.at_s)
        self.at_s, self.took_s = 0.0, took_s
        self.begun: list[float] = []

    @staticmethod
    def score(row: Row) -> float | None:
        return 1.0 if row["challenge_id"].endswith("1") else None

    def _bucket(self, reader: LedgerReader, at_s: float, length_s: float):  # type: ignore[no-untyped-def]
        self.at_s += self.took_s
        self.begun.append(at_s)
        return super()._bucket(reader, at_s, length_s)


@pytest.mark.parametrize("name", SPANS)
def test_an_interval_has_the_answers_that_were_admitted_in_it(tmp_path: Path, name: str) -> None:
    span = SPANS[name]
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        record(ledger, "old", NOW_S - 1.1 * span.length_s)
        record(ledger, "a", NOW_S - 0.9 * span.length_s)
        record(ledger, "b1", NOW_S + 10.0, 4.0)
        record(ledger, "c", NOW_S + 10.0, 70.0)
        ledger.record(admitted("lost", epoch(1), at_s=NOW_S + 11.0))
        ledger.flush()
        with LedgerReader.open(ledger.path) as reader:
            found, unread = Reads().read(reader, name, NOW_S + 50.0)
    assert (len(found), unread) == (span.buckets, 0)
    assert found[-1].at_s <= NOW_S + 50.0 < found[-1].at_s + span.bucket_s
    late, early = found[-1], next(one for one in found if one.answered)
    assert sum(one.answered for one in found) == 3 and early.at_s < NOW_S - 0.8 * span.length_s
    assert (late.answered, late.missed, late.median_s, late.slow_s) == (2, 1, 37.0, 70.0)
    assert (late.correct_low, late.correct_high) == (1.0, 1.0)  # of the one that was in time
    assert (early.correct_low, early.correct_high) == (0.0, 1.0)


def test_a_call_reads_for_a_moment_the_newest_first_and_goes_on(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger, LedgerReader.open(ledger.path) as reader:
        history = Reads(took_s=0.1)
        lefts = [history.read(reader, "month", NOW_S)[1] for _ in range(30)]
        assert lefts[0] == SPANS["month"].buckets - 3 and lefts[-1] == 0
        assert history.begun == sorted(history.begun, reverse=True)
        assert len(history.begun) == SPANS["month"].buckets  # each once


def test_what_is_over_is_read_once_and_the_open_interval_again(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger, LedgerReader.open(ledger.path) as reader:
        history = Reads()
        history.read(reader, "day", NOW_S)
        history.begun.clear()
        later_s = NOW_S + SPANS["day"].bucket_s / 2
        record(ledger, "new", NOW_S + 1.0)
        ledger.flush()
        found, _ = history.read(reader, "day", later_s)
        assert sum(one.answered for one in found) == 1
        assert len(history.begun) <= 2 and min(history.begun) > NOW_S - UNENDED_S - SPANS["day"].bucket_s
        history.begun.clear()
        history.read(reader, "day", later_s)
        assert history.begun == []


def test_what_could_not_be_written_in_time_is_read_later(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger, LedgerReader.open(ledger.path) as reader:
        history = Reads()
        history.read(reader, "hour", NOW_S, complete=False)
        record(ledger, "late", NOW_S - 1800.0)
        ledger.flush()
        found, _ = history.read(reader, "hour", NOW_S + 5.0)
        assert sum(one.answered for one in found) == 1


def test_correctness_of_many_is_that_of_a_sample(tmp_path: Path) -> None:
    asked: list[str] = []
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        for number in range(10 * SAMPLE):
            record(ledger, f"{number}x1", NOW_S - 100.0)
        ledger.flush()
        with LedgerReader.open(ledger.path) as reader:
            history = History(lambda row: asked.append(row["challenge_id"]))
            found, _ = history.read(reader, "month", NOW_S)
    (full,) = [one for one in found if one.answered]
    assert full.answered == 10 * SAMPLE and SAMPLE <= len(asked) <= SAMPLE + 1


@pytest.mark.parametrize("name", SPANS)
def test_a_verdict_that_comes_when_the_interval_is_over_moves_the_curve(tmp_path: Path, name: str) -> None:
    at_s = NOW_S - SPANS[name].length_s / 2
    verdicts: dict[str, JudgedAs] = {}
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        for one in ("a", "b", "c1", "d1"):
            record(ledger, one, at_s)
        ledger.flush()
        with LedgerReader.open(ledger.path) as reader:
            history = History(Reads().score, verdicts)

            def ends() -> tuple[float | None, float | None]:
                (full,) = [one for one in history.read(reader, name, NOW_S)[0] if one.answered]
                return full.correct_low, full.correct_high

            assert ends() == (0.5, 1.0)  # c1 and d1 were computed
            verdicts["a"] = "wrong"
            assert ends() == (0.5, 0.75)
            verdicts["b"] = "right"
            assert ends() == (0.75, 0.75)


def test_an_interval_that_a_clock_ahead_took_for_over_is_read_again(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger, LedgerReader.open(ledger.path) as reader:
        history = Reads()
        for now_s in (NOW_S, NOW_S + SPANS["day"].length_s / 2):
            assert sum(one.answered for one in history.read(reader, "day", now_s)[0]) == 0
        record(ledger, "new", NOW_S + 1.0)
        ledger.flush()
        assert sum(one.answered for one in history.read(reader, "day", NOW_S + 5.0)[0]) == 1
