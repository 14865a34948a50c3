import sqlite3
from itertools import chain
from pathlib import Path

import pytest

from logicnet.errors import LedgerError, Reason
from logicnet.events import Announced
from logicnet.ledger import Ledger, LedgerReader, Search
from logicnet.ledger._reader import Which
from logicnet.votelog import SamplerVote, VoteLog
from tests.unit.ledger.facts import ALICE, BOB, admitted, answered, epoch, hung_up, refused, shadowed


@pytest.fixture
def filled(path: Path) -> Path:
    with Ledger.open(path) as ledger:
        for number in range(5):
            ledger.record(admitted(f"a{number}", epoch(number + 1), at_s=700.0 + number))
            ledger.record(answered(f"a{number}"))
        ledger.record(hung_up("a4"))
        ledger.record(admitted("b0", epoch(1, validator=BOB, began=2000.0), at_s=2000.0))
        ledger.record(Announced(0.0, epoch(began=1200.0)))
        ledger.record(refused(Reason.OVER_QUOTA, at_s=710.0, message="Old.", of=epoch(5, 1)))
        ledger.record(refused(Reason.OVER_QUOTA, at_s=2000.0, message="New.", of=epoch(5, 2)))
        ledger.record(refused(Reason.MALFORMED, at_s=720.0))
    return path


def test_rows_come_oldest_first_and_the_newest_newest_first(filled: Path) -> None:
    with LedgerReader.open(filled) as reader:
        ids = [row["challenge_id"] for row in reader.rows("challenges")]
        assert ids == ["a0", "a1", "a2", "a3", "a4", "b0"]
        assert [row["challenge_id"] for row in reader.newest("challenges", 2)] == ["b0", "a4"]
        assert [row["started_at_s"] for row in reader.rows("epochs")] == [600.0, 2000.0, 1200.0]
        assert [row["started_at_s"] for row in reader.newest("epochs", 1)] == [1200.0]


def test_an_epoch_knows_what_was_answered_in_time(filled: Path) -> None:
    with LedgerReader.open(filled) as reader:
        rows = {(row["validator"], row["started_at_s"]): row for row in reader.rows("epochs")}
    assert [rows[key]["given"] for key in rows] == [5, 1, 0]
    assert [rows[key]["answered_in_time"] for key in rows] == [4, 0, 0]
    assert rows[ALICE, 600.0]["refused"] == 2


def test_rows_are_chosen_by_time_and_by_the_beginning_of_a_hotkey(filled: Path) -> None:
    with LedgerReader.open(filled) as reader:
        for table in ("epochs", "challenges", "refusals"):
            late = reader.rows(table, Which(since_s=1500.0))
            assert all(row["validator"] in (BOB, ALICE) for row in late)
        assert [row["challenge_id"] for row in reader.rows("challenges", Which(since_s=704.0))] == [
            "a4",
            "b0",
        ]
        assert [row["challenge_id"] for row in reader.rows("challenges", Which(validator="5Bo"))] == ["b0"]
        assert list(reader.rows("challenges", Which(validator="%"))) == []
        assert list(reader.rows("challenges", Which(validator="' OR 1=1 --"))) == []
        assert [row["reason"] for row in reader.rows("refusals", Which(validator=ALICE))] == [
            "over_quota"
        ] * 2


def test_refusals_are_summed_by_reason_with_the_last_message(filled: Path) -> None:
    with LedgerReader.open(filled) as reader:
        assert reader.refusals_by_reason() == [
            {"reason": "over_quota", "count": 2, "last_minute_s": 1980, "message": "New."},
            {"reason": "malformed", "count": 1, "last_minute_s": 720, "message": "No."},
        ]
        assert [row["reason"] for row in reader.refusals_by_reason(Which(since_s=1000.0))] == ["over_quota"]


def test_without_a_ledger_it_says_so_in_one_line_and_makes_nothing(path: Path) -> None:
    with pytest.raises(
        LedgerError, match=r"There is no ledger at .* yet: the first `logicnet mine` creates it"
    ):
        LedgerReader.open(path)
    assert not path.parent.exists()


def test_an_empty_file_is_an_empty_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(LedgerError, match="still empty"):
        LedgerReader.open(path)


@pytest.mark.parametrize("data", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_ledger_is_said_in_one_line_and_left_alone(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="cannot be read"):
        LedgerReader.open(path)
    assert path.read_bytes() == data


def test_damage_deeper_in_is_said_in_one_line_when_it_is_met(filled: Path) -> None:
    data = filled.read_bytes()
    pages = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    whole = [
        page if number == 0 or b"CREATE " in page else b"\xa5" * 4096 for number, page in enumerate(pages)
    ]
    filled.write_bytes(b"".join(whole))
    with LedgerReader.open(filled) as reader, pytest.raises(LedgerError, match="cannot be read"):
        list(reader.rows("challenges"))


def test_a_spoilt_character_hides_itself_alone(filled: Path) -> None:
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute(
            "UPDATE challenges SET question = CAST(x'31ff32' AS TEXT) WHERE challenge_id = 'a1'"
        )
    connection.close()
    with LedgerReader.open(filled) as reader:
        questions = {row["challenge_id"]: row["question"] for row in reader.rows("challenges")}
    assert questions == {**dict.fromkeys(questions, "1 + 1?"), "a1": "1\ufffd2"}


def test_a_reader_cannot_write(filled: Path) -> None:
    with LedgerReader.open(filled) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM epochs")


def test_what_a_killed_miner_left_behind_is_read(filled: Path, tmp_path: Path) -> None:
    """The write-ahead log of a process that died holds rows that the main file does not."""
    with Ledger.open(filled) as ledger:
        ledger.record(admitted("late", epoch(9)))
        ledger.flush()
        left = tmp_path / "left"
        left.mkdir()
        for suffix in ("", "-wal"):
            (left / f"l.sqlite{suffix}").write_bytes(filled.with_name(filled.name + suffix).read_bytes())
    assert (left / "l.sqlite-wal").stat().st_size > 0
    with LedgerReader.open(left / "l.sqlite") as reader:
        assert "late" in {row["challenge_id"] for row in reader.rows("challenges")}


def test_who_watches_gets_short_texts_and_what_the_computing_lane_said(path: Path) -> None:
    votes = (SamplerVote("reason", "n:3", "3"), SamplerVote("exact", "n:2", "2"))
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a", epoch(1), question="x" * 1000))
        ledger.record(admitted("b", epoch(2), at_s=701.0))
        ledger.record(answered("a", vote_log=VoteLog("closed", votes, chosen="n:3")))
        ledger.record(answered("b"))
    with LedgerReader.open(path) as reader:
        first, second = reader.watched(0.0)
        assert reader.watched(700.5) == [second]
    assert (len(first["question"]), first["chosen"], first["exact"]) == (300, "n:3", "n:2")
    assert (second["answer"], second["chosen"], second["exact"]) == ("2", None, None)
    assert "reasoning" not in first


def test_challenges_are_found_by_validator_outcome_and_text_the_newest_first(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for number in range(6):
            of = epoch(number, validator=BOB if number % 2 else ALICE)
            ledger.record(admitted(f"c{number}", of, at_s=700.0 + number, question=f"Is {number}% of_it?"))
        ledger.record(answered("c0", answer="Forty-two"))
        ledger.record(answered("c1", reasoning="Because of GRAVITY."))
        ledger.record(answered("c2", outcome="failed", error="no slot", seconds=99.0))
        ledger.record(hung_up("c3"))

    def found(**what: object) -> list[str]:
        with LedgerReader.open(path) as reader:
            rows, next_s = reader.search(Search(**what), 50)  # type: ignore[arg-type]
        assert next_s is None
        return [row["challenge_id"] for row in rows]

    assert found() == ["c5", "c4", "c3", "c2", "c1", "c0"]
    assert found(since_s=702.0, until_s=704.0) == ["c3", "c2"]
    assert found(validator="5Bo") == ["c5", "c3", "c1"]
    assert found(validator="%") == found(outcome="' OR 1=1 --") == []
    assert found(outcome="in flight") == ["c5", "c4"]
    assert found(outcome="not in time") == ["c3", "c2"]
    assert found(outcome="solved") == ["c1", "c0"]
    assert found(text="gravity") == ["c1"] and found(text="forty-TWO") == ["c0"]
    assert found(text="no slot") == found(text="c2") == ["c2"]
    assert found(text="3% of_") == ["c3"] and found(text="3_ of") == found(text="\\") == []
    assert found(text="x" * 100_000) == []


def test_a_search_goes_on_where_it_ended_and_parts_no_rows_of_one_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logicnet.ledger._reader._SLICE_ROWS", 3)
    with Ledger.open(path) as ledger:
        for number in range(20):
            ledger.record(admitted(f"c{number}", epoch(number), at_s=700.0 + number // 3))

    pages: list[list[str]] = []
    until_s: float | None = float("inf")
    with LedgerReader.open(path) as reader:
        while until_s is not None:
            rows, until_s = reader.search(Search(until_s=until_s), 4)
            pages.append([row["challenge_id"] for row in rows])
        assert sorted(chain(*pages)) == sorted(f"c{number}" for number in range(20))
        assert max(map(len, pages)) <= 6
        none, next_s = reader.search(Search(text="nowhere"), 4, within_s=0.0)
        assert (none, next_s) == ([], 705.0)  # the time was over after the newest three
        assert reader.search(Search(text="nowhere"), 4) == ([], None)


def test_one_challenge_is_read_whole_with_its_shadow(path: Path) -> None:
    log = VoteLog("open", (SamplerVote("reason", "n:2", "2"),), chosen="n:2")
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a/1", epoch(), question="?" * 20_000))
        ledger.record(answered("a/1", vote_log=log))
        ledger.record(shadowed("a/1", answer="3"))
        ledger.record(admitted("b", epoch()))
    with LedgerReader.open(path) as reader:
        row = reader.challenge("a/1")
        assert row is not None and len(row["question"]) == 20_000 and row["in_time"] == 1
        assert row["trail"]["chosen"] == "n:2" and (row["shadow"], row["shadow_answer"]) == ("race", "3")
        open_one = reader.challenge("b")
        assert open_one is not None and open_one["outcome"] is open_one["shadow"] is None
        assert reader.challenge("c") is None


def test_a_damaged_vote_log_hides_no_challenge(filled: Path) -> None:
    with sqlite3.connect(filled) as connection:
        connection.execute("UPDATE challenges SET trail = '{?' WHERE challenge_id = 'a1'")
    connection.close()
    with LedgerReader.open(filled) as reader:
        found, _ = reader.search(Search(), 50)
        assert len(reader.watched(0.0)) == len(found) == 6
        one = reader.challenge("a1")
        assert one is not None and one["trail"] is None and one["answer"] == "2"


def test_a_name_that_is_damaged_is_said(filled: Path) -> None:
    data = filled.read_bytes()
    filled.write_bytes(data.replace(b"PRIMARY KEY", b"PRIMARY K\xd8Y"))
    with pytest.raises(LedgerError, match="cannot be read: a name in it is malformed"):
        LedgerReader.open(filled)
