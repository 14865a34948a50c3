from __future__ import annotations

import csv
import json
from dataclasses import asdict

import pytest

from logicnet.evals.report.write import write_csv, write_jsonl
from logicnet.evals.runs.run import BadRun, read_rows
from logicnet.votelog import SamplerVote, VoteLog, read_vote_log
from tests.unit.evals.report.runs import HOSTILE, row


def test_jsonl_is_exact(tmp_path):
    rows = [row(answer=HOSTILE), row("race", 1, answer=None, reward=None)]
    write_jsonl(rows, tmp_path / "rows.jsonl")
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [asdict(one) for one in rows]


def test_csv_has_every_field_of_every_row(tmp_path):
    rows = [row(reasoning='two\nlines, "quoted"'), row("race", 1, answer=None)]
    write_csv(rows, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == list(asdict(rows[0]))
    assert first["reasoning"] == 'two\nlines, "quoted"'
    assert second["answer"] == ""
    assert second["target"] == "race"


@pytest.mark.parametrize(
    ("said", "written"),
    [("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("@x", "'@x"), ("-5", "-5"), ("-5+cmd", "'-5+cmd"), ("7", "7")],
)
def test_no_answer_is_a_formula(tmp_path, said, written):
    write_csv([row(answer=said)], tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["answer"] == written


@pytest.mark.parametrize("write", [write_csv, write_jsonl])
def test_a_file_that_cannot_be_written_is_an_error_in_one_line(tmp_path, write):
    with pytest.raises(BadRun, match="cannot write"):
        write([row()], tmp_path / "missing" / "rows")


def test_how_an_answer_came_about_is_kept_in_both(tmp_path):
    vote_log = VoteLog("sum", (SamplerVote("reason", "72", "72"),), "72").fields()
    write_csv([row(trail=vote_log)], tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert json.loads(next(csv.DictReader(file))["trail"]) == vote_log
    write_jsonl([row(trail=vote_log)], tmp_path / "rows.jsonl")
    (read,) = read_rows(tmp_path / "rows.jsonl")
    assert read_vote_log(read.trail) == read_vote_log(vote_log)
