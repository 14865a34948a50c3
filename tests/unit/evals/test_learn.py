from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from logicnet.cli import main
from logicnet.evals.runs.run import Row
from logicnet.ledger import Ledger, LedgerReader, _schema
from logicnet.votelog import SamplerVote, VoteLog
from tests.unit.evals.report.runs import row, write_run

pytestmark = [pytest.mark.usefixtures("patient_truth"), pytest.mark.thorough]


def voted(number: int, *votes: tuple[str, str], chosen: str, **changed: Any) -> Row:
    """Question `number`, whose truth is `number + 1`, with votes for keys that are their texts."""
    vote_log = VoteLog("sum", tuple(SamplerVote(sampler, key, key) for sampler, key in votes), chosen)
    return row("race", number, solver="race", trail=vote_log.fields(), answer=chosen, **changed)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = [
        voted(1, ("reason", "2"), ("reason", "3"), ("program", "2"), chosen="2", true=True),
        voted(2, ("reason", "7"), ("program", "6/2"), chosen="7", true=False),
        voted(3, ("reason", ""), ("program", "a dog"), chosen="a dog", true=None),
        voted(4, ("exact", "a dog"), ("program", "5"), chosen="5", true=True),
        row("race", 5, solver="race"),
    ]
    return write_run(tmp_path / "run", rows, endpoint={"url": "http://x/v1", "model": "small"})


def earned(path: Path, model: str | None = "small") -> dict[str, tuple[float, float]]:
    with LedgerReader.open(path) as reader:
        records = reader.sampler_records("race", model)
    assert {kind for kind, *_ in records} <= {"sum"}
    return {sampler: (right, wrong) for _, sampler, right, wrong in records}


EARNED = {"reason": (0.5, 1.5), "program": (3.0, 0.0), "exact": (0.0, 1.0)}


def test_it_is_judged_by_every_vote_and_says_what_it_learned(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["learn", str(run), "--path", "l.sqlite"]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert ["race", "small", "sum", "reason", "0.5", "1.5", "25%", "0.80", "0.69"] in lines
    assert ["race", "small", "sum", "program", "3.0", "0.0", "100%", "0.75", "0.82"] in lines
    assert "1 votes without an answer taught nothing." in out
    assert "1 votes that nobody can judge taught nothing." in out
    assert "Too few questions of any kind to tell what pays." in out
    assert earned(Path("l.sqlite")) == EARNED
    assert main(["learn", str(run), "--path", "l.sqlite"]) == 0  # what is known changes nothing
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["race", "small", "sum", "reason", "0.5", "1.5", "25%", "0.69", "0.69"] in lines


def test_it_says_what_pays(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that outvotes better reasoning, which is right where two of four say the same."""
    rows = []
    for number in range(120):
        thoughts = [("reason", "Ann" if (number + place) % 3 else f"Bob {place}") for place in range(4)]
        programs = [("program", "Ann" if number % 10 < 7 else "Bob")] * 4
        said = programs[0][1]
        truly = {"true": said == "Ann", "correctness": float(said == "Ann"), "ground_truth": "Ann"}
        rows.append(voted(number, *thoughts, *programs, chosen=said, **truly))
    write_run(run, rows, endpoint={"model": "big"})
    assert main(["learn", str(run), "--path", "l.sqlite"]) == 0
    out = capsys.readouterr().out
    assert "What pays, big" in out
    (without,) = (line.split() for line in out.splitlines() if "no program" in line)
    assert without[0] == "sum" and float(without[3]) > 0.03 and without[-1] == "120"
    assert "Proposed: limits = { sum = { program = 0 } }" in out


def test_a_run_on_another_wire_says_nothing_of_what_pays(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        voted(number, ("reason", str(number + 1)), chosen=str(number + 1), true=True) for number in range(20)
    ]
    write_run(run, rows, wire="other")
    assert main(["learn", str(run), "--path", "l.sqlite"]) == 0
    assert "What pays" not in capsys.readouterr().out


def test_a_run_counts_once_wherever_it_lies(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    assert main(["learn", str(run), str(copy), "--path", "l.sqlite"]) == 0
    assert main(["learn", str(copy), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite")) == EARNED


def test_two_runs_are_summed_and_a_run_that_went_on_replaces_itself(run: Path, tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "other", [voted(1, ("reason", "2"), chosen="2", true=True)], endpoint={"model": "small"}
    )
    assert main(["learn", str(run), str(other), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite"))["reason"] == (1.5, 1.5)
    with (other / "rows.jsonl").open("a") as rows:
        rows.write(voted(2, ("reason", "3"), chosen="3", true=True).line() + "\n")
    assert main(["learn", str(other), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite"))["reason"] == (2.5, 1.5)


def test_what_was_learned_of_one_model_says_nothing_of_another(run: Path, tmp_path: Path) -> None:
    unnamed = write_run(
        tmp_path / "unnamed", [voted(1, ("exact", "2"), chosen="2", true=True)], endpoint={"model": None}
    )
    assert main(["learn", str(run), str(unnamed), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite"), "large") == {"exact": (1.0, 0.0)}
    assert earned(Path("l.sqlite"), None) == EARNED | {"exact": (1.0, 1.0)}
    with LedgerReader.open(Path("l.sqlite")) as reader:
        assert reader.sampler_records("direct", "small") == []


def test_it_learns_while_a_miner_runs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger.open(Path("l.sqlite")):
        assert main(["learn", str(run), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite")) == EARNED
    assert main(["ledger", "--path", "l.sqlite", "--samplers"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["race", "small", "sum", "program", "3", "0", "100%", "1"] in lines


def test_an_older_ledger_is_brought_up_to_date(run: Path) -> None:
    old = sqlite3.connect("l.sqlite")
    old.executescript(
        f"{_schema._STEPS[0]} PRAGMA application_id = {_schema.APPLICATION_ID}; PRAGMA user_version = 1;"
    )
    old.close()
    assert main(["learn", str(run), "--path", "l.sqlite"]) == 0
    assert earned(Path("l.sqlite")) == EARNED


def test_the_ledger_of_the_settings_is_taken(run: Path, tmp_path: Path) -> None:
    assert main(["learn", str(run), "--wallet.name", "w", "--wallet.hotkey", "h"]) == 0
    assert earned(tmp_path / ".logicnet" / "w-h.sqlite") == EARNED


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ([], 2, "name the folder of a run"),
        (["nowhere"], 2, "there is no run in nowhere"),
        (["plain"], 2, "there is nothing to learn in plain: none of its answers has a vote log"),
        (["run", "plain"], 2, "nothing to learn in plain"),
        (["run", "--path", "other.sqlite"], 1, "database of another program"),
        (["run", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_kept(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, says: str
) -> None:
    write_run(Path("plain"), [row()])
    other = sqlite3.connect("other.sqlite")
    other.execute("CREATE TABLE precious (x)")
    other.close()
    assert main(["learn", *words]) == status
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and says in error
    assert not Path(".logicnet").exists()
