"""`logicnet score FILE` as a user calls it."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from logicnet.cli import main
from logicnet.scoring.file import ROWS_AT_ONCE, read_rows
from logicnet.scoring.truth import TruthTeller
from tests.harness.scripted_model import Mode, ScriptedModel

pytestmark = pytest.mark.usefixtures("patient_truth")

Captured = pytest.CaptureFixture[str]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def written(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


@contextmanager
def served(server: ScriptedModel) -> Iterator[ScriptedModel]:
    """The server in a thread: the command has an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_rows_come_back_with_their_scores(tmp_path: Path, capsys: Captured) -> None:
    file = written(
        tmp_path / "answers.jsonl",
        {"ground_truth": "42", "answer": "It is 42.", "id": 12345678901234567890, "nested": {"ä": [1.0]}},
        {"ground_truth": "yes", "answer": "no"},
        "",
        {"ground_truth": "1000", "answer": "999", "process_time": 3},
        {"ground_truth": "42", "answer": None},
    )
    assert main(["score", str(file)]) == 0
    out, err = capsys.readouterr()
    rows = lines_of(out)
    assert rows[0]["id"] == 12345678901234567890 and rows[0]["nested"] == {"ä": [1.0]}
    assert [row["correctness"] for row in rows] == [1.0, None, 0.99900000000001, None]
    assert [row["similarity"] for row in rows] == [None] * 4
    assert [row["reward"] for row in rows] == [None, None, None, 0.0]
    assert [row["decided_by"] for row in rows] == ["number", "nobody", "number", "nobody"]
    assert "true" not in rows[0]
    assert err.startswith("4 answers, 2 decided, 1 undecided, 1 without a reply\n")


def test_truth_beside_the_verdict(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TruthTeller.__init__.__kwdefaults__, "timeout_s", 60.0)  # type: ignore[misc]
    file = written(
        tmp_path / "a.jsonl", {"ground_truth": "-7", "answer": "7"}, {"ground_truth": "4", "answer": "4"}
    )
    assert main(["score", str(file), "--truth"]) == 0
    out, err = capsys.readouterr()
    assert [(row["correctness"], row["true"]) for row in lines_of(out)] == [(1.0, False), (1.0, True)]
    assert "1 where the verdict and the truth part" in err


BROKEN: Sequence[tuple[str, str]] = [
    ('{"ground_truth": "1"}', "answer: field required"),
    ("no JSON", "not JSON"),
    ('["1"]', "not a JSON object"),
    ('{"ground_truth": 1, "answer": "1"}', "ground_truth: input should be a valid string"),
    ('{"ground_truth": "1", "answer": "1", "process_time": NaN}', "not JSON"),
    ('{"ground_truth": "1", "answer": "1", "process_time": -1}', "process_time: "),
    ('{"ground_truth": "1", "answer": "1", "timeout": 0}', "timeout: "),
    ('{"ground_truth": "1", "answer": "\\ud800"}', "not UTF-8"),
    ("[" * 100_000, "not JSON"),
    ('{"ground_truth": "1", "answer": "1", "n": ' + "9" * 10_000 + "}", "not JSON"),
]


def test_broken_lines_are_named_and_nothing_is_scored(tmp_path: Path, capsys: Captured) -> None:
    good = '{"ground_truth": "1", "answer": "1"}'
    file = written(tmp_path / "a.jsonl", good, *(line for line, _ in BROKEN), good)
    assert main(["score", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"a.jsonl: {len(BROKEN)} broken lines: " in err and "--skip-bad" in err and err.count("\n") == 1
    for number, (_, why) in enumerate(BROKEN, start=2):
        assert f"{number} ({why}" in err


def test_good_lines_are_scored_when_asked(tmp_path: Path, capsys: Captured) -> None:
    file = written(tmp_path / "a.jsonl", "broken", {"ground_truth": "1", "answer": "1"})
    file.write_bytes(file.read_bytes() + b'{"ground_truth": "\xff"}\n')
    out_file = tmp_path / "scored.jsonl"
    assert main(["score", str(file), "--skip-bad", "--out", str(out_file)]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "passed over 2 broken lines: 1 (not JSON), 3 (not UTF-8)" in err
    assert [row["correctness"] for row in lines_of(out_file.read_text())] == [1.0]


def test_many_broken_lines_are_counted(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path / "a.jsonl", *["x"] * 500))
    assert rows.lines.broken_in_words().endswith("20 (not JSON) and 480 more")


def test_more_rows_than_a_batch_keep_their_order(tmp_path: Path, capsys: Captured) -> None:
    many = ROWS_AT_ONCE * 2 + 3
    file = written(tmp_path / "a.jsonl", *({"ground_truth": "1", "answer": "1", "n": n} for n in range(many)))
    assert main(["score", str(file)]) == 0
    assert [row["n"] for row in lines_of(capsys.readouterr().out)] == list(range(many))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["score", "{file}", "--out", "{file}"], "--out is the file that is being scored"),
        (["score", "{file}", "--out", "/nowhere/out"], "cannot write /nowhere/out"),
        (["score", "{file}", "--judge-model", "m"], "--judge-model is for a judge"),
        (["score", "{file}", "--judge-url", "http://127.0.0.1:9/v1"], "the judge does not answer"),
        (["score"], "Missing argument"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], said: str, tmp_path: Path, capsys: Captured) -> None:
    file = written(tmp_path / "a.jsonl", {"ground_truth": "1", "answer": "1"})
    assert main([word.format(file=file) for word in words]) in (1, 2)
    out, err = capsys.readouterr()
    assert out == "" and said in err and "Traceback" not in err
    assert file.read_text() == '{"ground_truth": "1", "answer": "1"}\n'


@pytest.mark.parametrize("name", ["nowhere.jsonl", "."])
def test_a_file_that_is_not_there_is_wrong_use(name: str, capsys: Captured) -> None:
    assert main(["score", name]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"FILE: cannot read {name}: ") and err.count("\n") == 1


def test_embeddings_that_are_not_installed_are_named(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    file = written(
        tmp_path / "a.jsonl", {"ground_truth": "1", "answer": "1", "reasoning": "so", "reference": "thus"}
    )
    assert main(["score", str(file)]) == 1
    assert "logicnet[scoring]" in capsys.readouterr().err


def test_a_judge_decides_what_is_left(tmp_path: Path, capsys: Captured) -> None:
    file = written(
        tmp_path / "a.jsonl",
        {"ground_truth": "yes", "answer": "indeed", "question": "Is it?"},
        {"ground_truth": "12", "answer": "a dozen"},
    )
    server = ScriptedModel(text=lambda body: "no" if "yes or no" in str(body) else "0.9", key="secret-key")
    with served(server):
        words = ["score", str(file), "--judge-url", server.base_url, "--judge-key", "secret-key"]
        assert main(words) == 0
    out, err = capsys.readouterr()
    assert [row["correctness"] for row in lines_of(out)] == [0.9, 0.9]
    assert any("Is it?" in str(chat) for chat in server.chats)
    assert "secret-key" not in out + err


def test_a_judge_that_breaks_midway_is_counted(tmp_path: Path, capsys: Captured) -> None:
    file = written(tmp_path / "a.jsonl", {"ground_truth": "yes", "answer": "indeed"})
    server = ScriptedModel(lambda number: Mode.NORMAL if number == 0 else Mode.DROP)
    with served(server):
        assert main(["score", str(file), "--judge-url", server.base_url]) == 0
    out, err = capsys.readouterr()
    [row] = lines_of(out)
    assert (row["correctness"], row["decided_by"]) == (0.5, "judge")
    assert "the judge failed" in row["note"]
    assert "1 where the judge failed" in err
