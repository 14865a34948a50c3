import json

import pytest

from logicnet._util.jsonl import BadFile
from logicnet.evals.challenges.file import read_questions


def written(tmp_path, *lines):
    path = tmp_path / "own.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


@pytest.mark.parametrize(
    ("answer", "truth", "by"),
    [
        ("Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n#### 72", "72", "number_is"),
        ("#### 1,080", "1080", "number_is"),
        ("-3", "-3", "number_is"),
        (42, "42", "number_is"),
        (0.5, "0.5", "number_is"),
        ("Monday", "Monday", "words_are"),
        ("$x^2$", "$x^2$", None),
    ],
)
def test_the_truth_of_an_answer(tmp_path, answer, truth, by):
    (problem,) = read_questions(written(tmp_path, {"question": " How many? ", "answer": answer})).problems
    assert (problem.question, problem.truth, problem.source) == ("How many?", truth, "file")
    assert (problem.check.by if problem.check else None) == by


def test_kind_and_difficulty_are_kept_and_other_keys_ignored(tmp_path):
    row = {"question": "?!", "answer": "1", "kind": "puzzle", "difficulty": 2, "url": "x"}
    (problem,) = read_questions(written(tmp_path, row)).problems
    assert (problem.kind, problem.difficulty) == ("puzzle", 2)


def test_broken_lines_are_named_and_passed_over_only_when_asked(tmp_path):
    good = {"question": "What is 1+1?", "answer": "2"}
    lines = [
        good, b"", b"{", b"[1]", {"question": "?"}, {"question": "", "answer": "1"},
        {"question": "?", "answer": None},
        {"question": "?", "answer": "#### "}, b'{"question": "\xff", "answer": "1"}',
        b'{"question": "\\ud800", "answer": "1"}', b'{"question": "?", "answer": NaN}',
        {"question": 1, "answer": "1"}, {"question": "?", "answer": True}, b"[" * 100_000,
        good | {"question": "?"},
    ]  # fmt: skip
    path = written(tmp_path, *lines)
    with pytest.raises(BadFile) as refused:
        read_questions(path)
    said = str(refused.value)
    assert said.startswith(
        f"{path}: 12 broken lines: 3 (not JSON), 4 (not a JSON object), 5 (answer: field required)"
    )
    assert said.endswith("mend them, or take the others with --skip-bad")
    assert "8 (answer: nothing after ####), 9 (not UTF-8), 10 (not UTF-8), 11 (not JSON)" in said
    assert "\n" not in said

    found = read_questions(path, skip_bad=True)
    assert [problem.question for problem in found.problems] == ["What is 1+1?", "?"]
    assert found.skipped == 12


def test_a_file_that_is_none_of_ours_is_not_listed_line_by_line(tmp_path):
    with pytest.raises(BadFile, match=r"200 broken lines: 1 \(not JSON\).* and 180 more"):
        read_questions(written(tmp_path, *[b"no"] * 200))


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name):
    with pytest.raises(BadFile, match="cannot read"):
        read_questions(tmp_path / name)


def test_a_file_without_a_question_is_refused(tmp_path):
    with pytest.raises(BadFile, match="no line with a question"):
        read_questions(written(tmp_path, b""))
