"""A dataset in two: what miners get, and what they never see."""

import json
from array import array
from pathlib import Path

import pytest

from logicnet.tuning.data.checking import BadDataset
from logicnet.tuning.data.split import test_keys as keys_of_test
from logicnet.tuning.judging.parts import MOST_TEST, part, read_lines


def dataset(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(number: int, more: str = "") -> dict[str, str]:
    return {"instruction": f"Question {number}?", "output": f"Answer {number}{more}", "note": "kept"}


def parted(tmp_path: Path, rows: list[dict[str, str]], **other: object):
    source = dataset(tmp_path / "rows.jsonl", rows)
    given = {"share": 0.1, "secret": b"x"} | other
    return part("instruct", source, tmp_path, **given)


def prompts(folder: Path) -> tuple[set[str], set[str]]:
    train = {one["instruction"] for one in read_lines(folder / "train.jsonl")}
    test = {one["prompt"][0]["content"] for one in read_lines(folder / "test.jsonl")}
    return train, test


def test_a_tenth_is_kept_and_the_rest_has_its_own_columns(tmp_path):
    found = parted(tmp_path, [row(n) for n in range(300)])
    train, test = prompts(tmp_path)
    assert (found.train, found.test, len(train), len(test)) == (270, 30, 270, 30)
    assert not train & test
    assert read_lines(tmp_path / "train.jsonl")[0]["note"] == "kept"


def test_a_test_has_400_rows_at_most(tmp_path):
    found = parted(tmp_path, [row(n) for n in range(5000)])
    assert (found.test, found.train) == (MOST_TEST, 5000 - MOST_TEST)


def test_order_and_repetition_do_not_change_which_rows_are_kept(tmp_path):
    rows = [row(n) for n in range(300)]
    parted(tmp_path, rows)
    first = prompts(tmp_path)
    parted(tmp_path, rows[::-1] + rows[:50])
    assert prompts(tmp_path) == first


def test_another_secret_keeps_other_rows(tmp_path):
    rows = [row(n) for n in range(300)]
    parted(tmp_path, rows)
    first = prompts(tmp_path)[1]
    parted(tmp_path, rows, secret=b"y")
    assert len(first & prompts(tmp_path)[1]) < 15


def test_rows_of_one_prompt_stay_on_one_side(tmp_path):
    rows = [row(n, more) for n in range(300) for more in ("", " too", " again")]
    found = parted(tmp_path, rows)
    train, test = prompts(tmp_path)
    assert not train & test
    assert found.test == len(test) == 30
    assert found.dropped == {"same_prompt": 60}


def test_a_row_to_train_on_that_repeats_one_of_the_test_is_dropped(tmp_path):
    words = "the fox number {} jumps over a lazy dog while nobody looks at the old clock on the wall"
    rows = [row(n) | {"instruction": f"{words.format(n * 7919)} {n} {n + 1} {n + 2}"} for n in range(300)]
    echo = [one | {"instruction": one["instruction"] + " please"} for one in rows]
    found = parted(tmp_path, rows + echo)
    train, test = prompts(tmp_path)
    assert found.dropped["overlap"] > 0
    assert not {one + " please" for one in test} & train


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "0 different prompts: at least 200 are needed"),
        ([row(n) for n in range(150)], "150 different prompts"),
        ([row(7)] * 500, "1 different prompts"),
        ([row(n) for n in range(300)] + [{"instruction": "a"}], "row 301"),
        ([{"question": "a"}], "no column 'instruction'"),
    ],
)
def test_what_cannot_be_parted_is_said_in_a_line(tmp_path, rows, words):
    with pytest.raises(BadDataset, match=words) as error:
        parted(tmp_path, rows)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "train.jsonl").exists()


def test_a_larger_share_needs_fewer_rows(tmp_path):
    assert parted(tmp_path, [row(n) for n in range(60)], share=0.4).test == 24


def test_keys_are_drawn_by_count_and_not_by_chance():
    for count in (10, 99, 1000):
        assert len(keys_of_test(array("Q", range(count)), 0.1, 400, b"")) == round(count / 10)
