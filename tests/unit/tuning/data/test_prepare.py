"""From a dataset to the files of a job."""

from __future__ import annotations

import errno
import json
import random
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logicnet.tuning.data import prepare as module
from logicnet.tuning.data.checking import BadDataset
from logicnet.tuning.data.prepare import prepare
from logicnet.tuning.spec import TrainSpec

ANNA = "Anna counts {} birds in the garden before lunch and {} more in the late afternoon of the same day"


def spec(kind: Any = "alpaca", **changes: Any) -> TrainSpec:
    given = {"dataset": "x", "model": "m", "dataset_type": kind, "file_format": "jsonl"}
    return TrainSpec.model_validate(given | changes)


def alpaca(question: object, answer: object = "yes") -> dict[str, str]:
    return {"instruction": str(question), "input": "", "output": str(answer)}


def file(folder: Path, rows: list[dict[str, Any]], name: str = "x.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def prompts(path: Path) -> list[str]:
    return [row["prompt"][-1]["content"] for row in lines(path)]


@pytest.fixture
def job(tmp_path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


def test_rows_are_divided(tmp_path, job):
    rows = [alpaca(f"What is {n} + {n}?", 2 * n) for n in range(400)]
    found = prepare(spec(), file(tmp_path, rows), job)
    trained, held = prompts(job / "train.jsonl"), prompts(job / "validation.jsonl")
    assert (found.rows, found.validation, found.dropped) == (len(trained), len(held), {})
    assert sorted([*trained, *held]) == sorted(row["instruction"] for row in rows)
    assert 8 <= len(held) <= 36
    assert [name.name for name in sorted(job.iterdir())] == ["train.jsonl", "validation.jsonl"]
    size = len((job / "train.jsonl").read_bytes())
    assert found.bytes == pytest.approx(size / len(trained), rel=0.1)


def test_order_and_format_of_the_file_do_not_matter(tmp_path, job):
    rows = [alpaca(f"What is {n} + {n}?", 2 * n) for n in range(100)]
    prepare(spec(validation=0.1), file(tmp_path, rows), job)
    held = set(prompts(job / "validation.jsonl"))
    random.Random(1).shuffle(rows)
    (tmp_path / "x.json").write_text(json.dumps(rows))
    prepare(spec(validation=0.1), tmp_path / "x.json", job)
    assert set(prompts(job / "validation.jsonl")) == held


def test_repeated_rows_are_dropped_and_counted(tmp_path, job):
    rows = [alpaca(n) for n in range(50)] * 3 + [alpaca(7, "no")]
    found = prepare(spec(), file(tmp_path, rows), job)
    assert found.dropped == {"duplicate": 100}
    assert found.rows + found.validation == 51


def test_a_prompt_is_never_on_both_sides(tmp_path, job):
    rows = [alpaca(f"{'  ' * k}Question {n % 20}", f"{n} {k}") for n in range(100) for k in range(2)]
    prepare(spec(validation=0.3), file(tmp_path, rows), job)
    trained, held = (
        {" ".join(one.split()) for one in prompts(job / f"{name}.jsonl")} for name in ("train", "validation")
    )
    assert trained
    assert held
    assert not trained & held


def test_rows_of_the_test_are_dropped_and_counted(tmp_path, job):
    rows = [alpaca(n) for n in range(50)]
    near, same = ANNA.format(3, 4), "what  IS it?"
    test = file(tmp_path, [alpaca(near), alpaca("What is it?")], "test.jsonl")
    found = prepare(spec(), file(tmp_path, [*rows, alpaca(f"{near} , please"), alpaca(same)]), job, test=test)
    assert found.dropped == {"in_test": 1, "overlap": 1}
    assert found.rows + found.validation == 50
    assert not {near, same} & {*prompts(job / "train.jsonl"), *prompts(job / "validation.jsonl")}


def test_near_copies_of_held_out_rows_are_dropped_and_counted(tmp_path, job):
    words = [f"w{n}" for n in range(3000)]
    texts = [" ".join(random.Random(n).choices(words, k=40)) for n in range(300)]
    rows = [alpaca(text + end) for text in texts for end in ("", " indeed")]
    found = prepare(spec(validation=0.1), file(tmp_path, rows), job)
    trained, held = (
        {one.removesuffix(" indeed") for one in prompts(job / f"{name}.jsonl")}
        for name in ("train", "validation")
    )
    assert not trained & held
    assert found.dropped["overlap"] > 20
    assert found.rows + found.validation + found.dropped["overlap"] == 600


def test_only_the_first_rows_are_taken(tmp_path, job):
    rows = [alpaca(n) for n in range(50)] + [{"broken": 1}]
    found = prepare(spec(rows=20), file(tmp_path, rows), job)
    assert found.rows + found.validation == 20


def test_pictures(tmp_path, job):
    (tmp_path / "pictures").mkdir()
    for n in range(30):
        (tmp_path / "pictures" / f"{n}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([n // 2]))
        (tmp_path / "pictures" / f"{n}.txt").write_text("a cat")
    found = prepare(spec({"image_family": "sd"}), tmp_path / "pictures", job)
    assert found.rows + found.validation == 30
    content = {
        name: {(job / row["image"]).read_bytes() for row in lines(job / f"{name}.jsonl")}
        for name in ("train", "validation")
    }
    assert not content["train"] & content["validation"]
    assert len(content["train"] | content["validation"]) == 15


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "has 0 rows to train on"),
        ([alpaca(1)], "has 1 rows to train on, with 1 different prompts; at least 2"),
        ([alpaca(1, n) for n in range(9)], "has 9 rows to train on, with 1 different prompts"),
        (
            [{"question": "a", "answer": "b"}],
            r"row 1 \(line 1\): no column 'instruction', only 'question', 'answer'",
        ),
        ([{"instruction": "a", "output": "b"}], "no column 'input', only"),
        ([alpaca(1), alpaca(2, " "), alpaca(3)], r"row 2 \(line 2\): column 'output' is empty; mend the row"),
        (
            [alpaca(1), alpaca(2) | {"output": 5}],
            r"row 2 \(line 2\): column 'output' takes text, has the number 5",
        ),
        ([alpaca(1), {"instruction": "a"}], r"row 2 \(line 2\): no column 'output', only 'instruction'"),
    ],
)
def test_a_bad_dataset_is_refused_and_leaves_nothing(tmp_path, job, rows, says):
    with pytest.raises(BadDataset, match=says):
        prepare(spec(), file(tmp_path, rows), job)
    assert not list(job.iterdir())


def test_a_bad_test_file_is_named(tmp_path, job):
    test = file(tmp_path, [{"x": 1}], "test.jsonl")
    with pytest.raises(BadDataset, match=r"test\.jsonl: row 1"):
        prepare(spec(), file(tmp_path, [alpaca(n) for n in range(9)]), job, test=test)
    assert not list(job.iterdir())


def test_a_training_set_that_is_the_test_is_refused(tmp_path, job):
    rows = file(tmp_path, [alpaca(n) for n in range(9)])
    with pytest.raises(BadDataset, match="has 0 rows to train on"):
        prepare(spec(), rows, job, test=rows)


def test_prompts_that_tell_the_answer_are_warned_of(tmp_path, job):
    """The documents' own example takes the column of the whole text for the system prompt."""
    rows = [alpaca(n, f"The long answer is {n}.") for n in range(9)]
    rows = [row | {"text": f"{row['instruction']} {row['output']}"} for row in rows]
    kind = {"field_instruction": "instruction", "field_output": "output", "field_system": "text"}
    found = prepare(spec(kind), file(tmp_path, rows), job)
    assert "9 of 9 prompts contain their completion" in found.warnings[0]
    del kind["field_system"]
    assert prepare(spec(kind), file(tmp_path, rows), job).warnings == ()


def test_a_full_disk_leaves_nothing(tmp_path, job, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        prepare(spec(), file(tmp_path, [alpaca(n) for n in range(9)]), job)
    assert not list(job.iterdir())


def test_memory_does_not_grow_with_the_texts(tmp_path, job):
    with (tmp_path / "x.jsonl").open("w") as rows:  # 8 MB
        for n in range(1000):
            rows.write(json.dumps({"text": f"{n}{'x' * 1600} " * 5}) + "\n")
    tracemalloc.start()
    try:
        found = prepare(spec("pretrain"), tmp_path / "x.jsonl", job)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert found.rows + found.validation == 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KINDS: tuple[Any, ...] = (
    "alpaca",
    "pretrain",
    {"field_instruction": "text", "field_output": "output", "field_system": "system"},
    {"chat_column": "text"},
    {"field_chosen": "output", "field_rejected": "text"},
    {"reward_functions": [{"reward_func": "x"}], "extra_column": "output"},
)
COLUMNS = ("instruction", "input", "output", "text", "system", "prompt")
SHAPED = st.fixed_dictionaries({}, optional={name: JSON | st.text(max_size=8) for name in COLUMNS})
MESSAGES = st.lists(
    st.fixed_dictionaries({"from": st.sampled_from(["user", "gpt", "robot"]), "value": JSON}), max_size=4
)


@pytest.mark.thorough
@given(
    kind=st.sampled_from(KINDS),
    rows=st.lists(SHAPED | st.builds(lambda text: {"text": text}, MESSAGES) | JSON, max_size=6),
    name=st.sampled_from(["x.json", "x.jsonl"]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_rows_are_they_are_written_or_refused(tmp_path, kind, rows, name):
    text = json.dumps(rows) if name == "x.json" else "\n".join(map(json.dumps, rows))
    check(tmp_path, kind, name, text.encode())


@pytest.mark.thorough
@given(
    kind=st.sampled_from(KINDS), name=st.sampled_from(["x.json", "x.jsonl", "x.csv", "x.tsv"]), data=st.data()
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_bytes_are_they_are_written_or_refused(tmp_path, kind, name, data):
    pieces = [
        *b'[]{},:"\n\r\\\xff',
        b'{"text": "a b", "output": "c"}',
        b"instruction,output,text\n",
        b"a,b,c\n",
        b"NaN",
    ]
    parts = [bytes([one]) if isinstance(one, int) else one for one in pieces]
    check(tmp_path, kind, name, b"".join(data.draw(st.lists(st.sampled_from(parts) | st.binary(max_size=3)))))


def test_a_fault_in_a_file_with_tabs_is_one_printable_line(tmp_path):
    check(tmp_path, "alpaca", "x.tsv", b'""[')


def check(folder: Path, kind: Any, name: str, content: bytes) -> None:
    job = folder / "job"
    shutil.rmtree(job, ignore_errors=True)
    job.mkdir()
    (folder / name).write_bytes(content)
    try:
        found = prepare(spec(kind), folder / name, job)
    except BadDataset as error:
        assert str(error).isprintable()
        assert not list(job.iterdir())
    else:
        assert len(lines(job / "train.jsonl")) == found.rows >= 1
        assert len(lines(job / "validation.jsonl")) == found.validation >= 1
