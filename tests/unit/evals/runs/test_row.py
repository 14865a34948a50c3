import json

import pytest

from logicnet.evals.runs.run import LONGEST_TEXT, BadRun, Row, read_rows, stored
from logicnet.scoring.file import read_rows as read_answers

ROW = Row(
    target="h:1",
    id="a",
    question="What is 2+2?",
    ground_truth="4",
    answer="4",
    reasoning="So.",
    reference="Thus.",
    process_time=1.5,
    reward=0.9,
)


def test_rows_come_back_as_they_were(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(ROW.line() + "\n" + Row(target="t", id="b", question="?", ground_truth="").line() + "\n")
    first, second = read_rows(file)
    assert first == ROW
    assert (second.answer, second.reward, second.key) == (None, None, ("t", "b"))


def test_a_file_that_is_not_there_has_no_rows(tmp_path):
    assert list(read_rows(tmp_path / "rows.jsonl")) == []


def test_a_line_that_was_being_written_is_passed_over(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(ROW.line() + "\n" + ROW.line()[:-9])
    assert list(read_rows(file)) == [ROW]


@pytest.mark.parametrize("line", ["{", "[]", '{"target": "h:1"}'])
def test_any_other_broken_line_is_named(tmp_path, line):
    file = tmp_path / "rows.jsonl"
    file.write_text(ROW.line() + "\n" + line + "\n" + ROW.line() + "\n")
    with pytest.raises(BadRun, match=r"rows\.jsonl, line 2: "):
        list(read_rows(file))


def test_what_a_later_version_adds_is_passed_over(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(json.loads(ROW.line()) | {"new": 1}) + "\n")
    assert list(read_rows(file)) == [ROW]


def test_a_run_can_be_scored_again(tmp_path):
    file = tmp_path / "rows.jsonl"
    silent = Row(target="h:1", id="b", question="?", ground_truth="5", process_time=64.0, error="no reply")
    file.write_text(ROW.line() + "\n" + silent.line() + "\n")
    rows = read_answers(file)
    assert not rows.lines.broken
    replies = [row.reply for row in rows.good]
    assert [(reply.answer, reply.truth) for reply in replies] == [("4", "4"), (None, "5")]
    assert (replies[0].reference, replies[0].process_time_s) == ("Thus.", 1.5)


def test_stored_text_is_bounded_and_can_be_written():
    assert stored("x" * (LONGEST_TEXT + 1)) == "x" * LONGEST_TEXT
    assert stored("a\ud800b") == "a?b"
