"""What the ledger says of what was asked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from logicnet.config import read
from logicnet.errors import Reason
from logicnet.events import Admitted, Answered, EpochCount, Refused
from logicnet.ledger import Ledger
from logicnet.operate.doctor.checks.demand import check
from logicnet.operate.doctor.context import Context, Severity, worst
from logicnet.protocol import Hotkey

ALICE = Hotkey("5Alice")


class Day:
    """A ledger of one day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(folder / "ledger.sqlite")
        self.number = 0

    def answered(self, count: int, *, ago_s: float = 60.0, seconds: float = 3.0) -> Day:
        at_s = time.time() - ago_s
        for _ in range(count):
            self.number += 1
            name, epoch = str(self.number), EpochCount(ALICE, at_s, 80, 1, 0)
            self.ledger.record(Admitted(at_s, name, ALICE, "classic", "7", "Logic", "1 + 1?", 60.0, epoch))
            self.ledger.record(Answered(at_s, name, ALICE, "direct", "solved", seconds, "Two.", "2"))
        return self

    def refused(self, reason: Reason, count: int) -> Day:
        for _ in range(count):
            self.ledger.record(Refused(time.time() - 60, reason, "no", None))
        return self

    def checked(self) -> tuple[Severity, str]:
        self.ledger.close()
        argv = ["--ledger.path", str(self.folder / "ledger.sqlite")]
        found = list(check(Context(read(argv, {}, self.folder / ".env"), self.folder)))
        return worst(found), " ".join(one.what for one in found)


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return Day(tmp_path)


def test_a_good_day(day: Day) -> None:
    severity, said = day.answered(40).refused(Reason.UNKNOWN_SYNAPSE, 500).checked()
    assert (severity, said) == (
        Severity.OK,
        "The last challenge came 1 minutes ago; 0 of the last 40 were late.",
    )


def test_late_answers(day: Day) -> None:
    severity, said = day.answered(20).answered(5, seconds=70).checked()
    assert severity is Severity.WARNING
    assert "5 of the last 25 were late" in said


def test_nobody_asks_any_more(day: Day) -> None:
    severity, said = day.answered(5, ago_s=5 * 3600).checked()
    assert severity is Severity.WARNING
    assert "came 300 minutes ago" in said


def test_nobody_asked_at_all(day: Day) -> None:
    assert day.checked() == (
        Severity.WARNING,
        "No challenge came in the last day, or since the ledger was begun.",
    )


def test_validators_ask_something_else(day: Day) -> None:
    severity, said = day.refused(Reason.UNKNOWN_SYNAPSE, 50).checked()
    assert severity is Severity.WARNING
    assert "but 50 requests for an unknown synapse" in said


def test_requests_that_nobody_can_believe(day: Day) -> None:
    severity, said = day.answered(10).refused(Reason.NOT_VERIFIED, 60).checked()
    assert severity is Severity.WARNING
    assert "60 requests" in said


def test_more_is_asked_than_was_announced(day: Day) -> None:
    severity, said = day.answered(10).refused(Reason.OVER_QUOTA, 60).checked()
    assert severity is Severity.NOTE
    assert "60 challenges" in said
