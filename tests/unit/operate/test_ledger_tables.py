import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from logicnet.errors import LedgerError, Reason, SettingsError
from logicnet.ledger import Ledger, LedgerReader
from logicnet.ledger._reader import EVERYTHING, Table
from logicnet.ledger.lessons import Lesson, keep_lessons
from logicnet.operate import ledger_tables as report
from logicnet.protocol import Hotkey
from tests.unit.ledger.facts import admitted, answered, epoch, refused, shadowed

HOTKEY = Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
NOW_S = 1_763_700_000.0  # 2025-11-21 04:40:00 UTC
NASTY = '=cmd|"/C calc"!A0\r\n[bold]x[/] \x1b[31mred, "quoted"; \u202e'


@pytest.fixture
def filled(path: Path) -> Path:
    with Ledger.open(path) as ledger:
        of = epoch(3, 4, validator=HOTKEY, began=NOW_S - 600)
        ledger.record(admitted("a", of, question=NASTY, at_s=NOW_S - 500))
        ledger.record(answered("a", answer="-5", reasoning="line\nline"))
        ledger.record(admitted("b", of, at_s=NOW_S - 100))
        ledger.record(admitted("c", of, at_s=NOW_S - 50))
        ledger.record(refused(Reason.OVER_QUOTA, at_s=NOW_S, message="Your quota is used up.", of=of))
    return path


def shown(
    path: Path, *, terminal: bool = False, width: int | None = None, tables: tuple[Table, ...] = ()
) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, color_system=None)
    with LedgerReader.open(path) as reader:
        report.show(reader, console, tables=tables, which=EVERYTHING, last=20, now_s=NOW_S)
    return out.getvalue()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_in_a_pipe_every_row_is_one_plain_whole_line(filled: Path) -> None:
    assert [cells(line) for line in shown(filled).splitlines()] == [
        ["Epochs"],
        ["validator", "began (UTC)", "quota", "given", "refused", "in time"],
        [HOTKEY, "2025-11-21 04:30:00", "80", "3", "4", "1"],
        [],
        ["Challenges"],
        ["admitted (UTC)", "validator", "outcome", "seconds", "question", "answer"],
        ["2025-11-21 04:39:10", HOTKEY, "solving", "1 + 1?"],
        ["2025-11-21 04:38:20", HOTKEY, "lost", "1 + 1?"],
        [
            *("2025-11-21 04:31:40", HOTKEY, "solved", "2.50"),
            *('=cmd|"/C calc"!A0 [bold]x[/] [31mred, "quoted";', "-5"),
        ],
        [],
        ["Refusals"],
        ["reason", "count", "last (UTC)", "last message"],
        ["over_quota", "1", "2025-11-21 04:40:00", "Your quota is used up."],
        [],
    ]


@pytest.mark.parametrize(("width", "when"), [(60, " 11-21 04:31 "), (80, " 11-21 04:31 "), (100, ":31:40 ")])
def test_in_a_terminal_it_fits_the_width_and_no_stranger_writes_to_it(
    filled: Path, width: int, when: str
) -> None:
    text = shown(filled, terminal=True, width=width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "5GrwvaEF" in text and HOTKEY not in text
    assert when in text and "solved" in text and "2.50" in text
    assert "[31m" not in text.replace("[31mred", "") and "\u202e" not in text


def test_60_columns_show_every_fact(path: Path) -> None:
    """Names, numbers and outcomes whole; of questions and answers enough to know them by."""
    with Ledger.open(path) as ledger:
        of = epoch(80, 1000, validator=HOTKEY, began=NOW_S - 600)
        ledger.record(admitted("a", of, question="What is the sum of all primes?", at_s=NOW_S - 60))
        ledger.record(answered("a", answer="not that many", outcome="failed"))
        ledger.record(shadowed("a", answer="five", outcome="late"))
        ledger.record(refused(Reason.UNKNOWN_SYNAPSE, at_s=NOW_S, message="Nobody answers that here."))
    lesson = Lesson("race", "Qwen/Qwen2.5-Math-7B-Instruct", "story", "program", 1300.5, 4.0)
    keep_lessons(path, {"run": [lesson]})
    every: tuple[Table, ...] = ("epochs", "challenges", "refusals", "shadows", "lanes")
    lines = shown(path, terminal=True, width=60, tables=every).splitlines()
    assert [cells(line) for line in lines if line.strip(" ─")] == [
        ["Epochs"],
        ["validator", "began (UTC)", "quota", "given", "refused", "in time"],
        ["5GrwvaEF", "11-21 04:30", "80", "80", "1000", "1"],
        ["Challenges"],
        ["admitted (UTC)", "outcome", "question"],
        ["validator", "seconds", "answer"],
        ["11-21 04:39", "failed", "What is the sum of all primes?"],
        ["5GrwvaEF", "2.50", "not that many"],
        ["Refusals"],
        ["last (UTC)"],
        ["reason", "count", "last message"],
        ["unknown_synapse", "1", "11-21 04:40"],
        ["Nobody answers that here."],
        ["Shadow solvers, on the same challenges"],
        ["solver"],
        ["role", "answers", "agree", "median s", "late", "failed", "displaced"],
        ["direct", "1", "2.50", "0%", "100%"],
        ["sent"],
        ["race", "1", "0%", "1.50", "100%", "0%", "0"],
        ["tried"],
        ["Disagreements"],
        ["question"],
        ["sent"],
        ["began (UTC)", "shadow"],
        ["01-01 00:11", "What is the sum of all primes?"],
        ["not that many"],
        ["five"],
        ["Answers by sampler"],
        ["solver", "kind"],
        ["model", "sampler", "right", "wrong", "share", "runs"],
        ["race", "story", "1300.5", "4", "100%", "1"],
        ["Qwen/Qwen2.5-Math…", "program"],
    ]


def test_only_the_tables_asked_for_are_shown(filled: Path) -> None:
    text = shown(filled, tables=("refusals",))
    assert "Refusals" in text and "Epochs" not in text and "Challenges" not in text


def test_a_ledger_without_rows_says_so(path: Path) -> None:
    Ledger.open(path).close()
    assert shown(path).split("\n\n")[:3] == [
        "Epochs: No validator has asked yet.",
        "Challenges: No challenge was admitted yet.",
        "Refusals: No request was refused yet.",
    ]


def exported(
    path: Path, target: Path | None, form: report.Format | None = None, table: Table = "challenges"
) -> int:
    with LedgerReader.open(path) as reader:
        return report.export(reader, table, EVERYTHING, target=target, form=form)


def test_jsonl_is_exact_and_has_every_row_and_column(filled: Path, tmp_path: Path) -> None:
    assert exported(filled, tmp_path / "out.jsonl") == 3
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    with LedgerReader.open(filled) as reader:
        assert rows == list(reader.rows("challenges"))
    assert (rows[0]["question"], rows[0]["reasoning"], rows[0]["answer"]) == (NASTY, "line\nline", "-5")


def test_csv_reads_back_and_holds_no_formula(filled: Path, tmp_path: Path) -> None:
    assert exported(filled, tmp_path / "out.csv") == 3
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["question"], rows[0]["reasoning"], rows[0]["answer"]) == ("'" + NASTY, "line\nline", "-5")
    assert (rows[1]["outcome"], rows[1]["seconds"]) == ("", "")


@pytest.mark.parametrize("table", ["epochs", "challenges", "refusals"])
@pytest.mark.parametrize("form", get_args(report.Format))
def test_every_table_goes_to_standard_output(
    filled: Path, table: Table, form: report.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    count = exported(filled, Path("-"), form, table)
    out = capsys.readouterr().out
    rows = (
        list(csv.DictReader(io.StringIO(out)))
        if form == "csv"
        else [json.loads(line) for line in out.splitlines()]
    )
    assert len(rows) == count > 0
    assert all(row["validator"] == HOTKEY for row in rows)


def test_the_ledger_is_not_exported_onto_itself(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(filled)
    before = filled.read_bytes()
    for target in (filled, tmp_path / "link"):
        with pytest.raises(LedgerError, match="is the ledger itself"):
            exported(filled, target)
    assert filled.read_bytes() == before


def test_the_ledger_is_not_exported_onto_what_sqlite_keeps_beside_it(filled: Path) -> None:
    """Emptying the -wal of a miner that runs damages its ledger at the next checkpoint."""
    for suffix in ("-wal", "-shm", ".lock"):
        beside = filled.with_name(filled.name + suffix)
        beside.touch()
        with pytest.raises(LedgerError, match="is the ledger itself"):
            exported(filled, beside)


def test_a_target_that_cannot_be_written_is_one_line(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"--export .*nowhere.* cannot be written \(No such file"):
        exported(filled, tmp_path / "nowhere" / "out.csv")


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("90s", NOW_S - 90),
        ("1.5h", NOW_S - 5400),
        ("7d", NOW_S - 604_800),
        ("2w", NOW_S - 1_209_600),
        ("30 m", NOW_S - 1800),
        ("2025-11-21", NOW_S - 16_800),
        ("2025-11-21T04:40:00", NOW_S),
        ("2025-11-21 05:40:00+01:00", NOW_S),
    ],
)
def test_since_takes_spans_and_dates(text: str, expected_s: float) -> None:
    assert report.since_s(text, NOW_S) == expected_s


@pytest.mark.parametrize("text", ["", "yesterday", "7", "h", "-3d", "2025-13-01"])
def test_since_says_what_it_takes(text: str) -> None:
    with pytest.raises(SettingsError, match="--since takes a duration such as 90m"):
        report.since_s(text, NOW_S)


def test_the_command_shows_tables_or_exports_one(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.report(filled, report.LedgerOptions(epochs=True))
    assert HOTKEY in capsys.readouterr().out
    report.report(filled, report.LedgerOptions(form="csv", validator="5Grw"))
    out, error = capsys.readouterr()
    assert out.startswith("challenge_id,validator,") and error == "3 rows of challenges exported.\n"
    options = report.LedgerOptions(refusals=True, export=tmp_path / "r.jsonl", since="2025-11-21")
    report.report(filled, options)
    assert json.loads((tmp_path / "r.jsonl").read_text())["reason"] == "over_quota"
    report.report(filled, report.LedgerOptions(form="jsonl", validator="5Nobody"))
    assert capsys.readouterr().out == ""
    with pytest.raises(SettingsError, match="one table"):
        report.report(filled, report.LedgerOptions(epochs=True, refusals=True, form="csv"))


def test_a_reader_that_has_seen_enough_is_no_failure(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for number in range(2000):
            ledger.record(admitted(str(number), epoch(number), question="Why? " * 20))
    code = f"""
from pathlib import Path
from logicnet.operate import ledger_tables as report
report.report(Path({str(path)!r}), report.LedgerOptions(as_json=True))
"""
    pipe = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with pipe:
        assert pipe.stdout is not None and pipe.stderr is not None
        assert json.loads(pipe.stdout.readline())["challenge_id"] == "0"
        pipe.stdout.close()
        assert pipe.stderr.read() == ""
    assert pipe.returncode == 0
