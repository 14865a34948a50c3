import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from logicnet.cli import main
from logicnet.ledger import Ledger
from logicnet.ledger.comparison import agrees, compare, with_agreement
from tests.unit.ledger.facts import admitted, answered, epoch, shadowed


def row(answer: str | None = "2", shadow_answer: str = "2", **changed: Any) -> dict[str, Any]:
    return {
        "question": "1 + 1?",
        "solver": "direct",
        "outcome": "solved",
        "seconds": 2.0,
        "answer": answer,
        "shadow": "race",
        "shadow_outcome": "solved",
        "shadow_seconds": 1.0,
        "shadow_answer": shadow_answer,
        **changed,
    }


def test_the_same_challenges_are_compared() -> None:
    rows = [
        row(),
        row("Yes", " yes "),
        row("3", "4", seconds=10.0, shadow_outcome="late", shadow_seconds=60.0),
        row(shadow_outcome="displaced", shadow_answer="", shadow_seconds=0.5),
        row(answer=None),
        row(shadow="other", outcome="failed"),
    ]
    race, other = compare(with_agreement(rows))
    assert (race.compared, race.agreed, race.displaced) == (3, 2, 1)
    assert race.agreement == pytest.approx(2 / 3)
    assert (race.real.median_s, race.shadow.median_s) == (2.0, 1.0)
    assert race.real.share("late") == 0.0 and race.shadow.share("late") == pytest.approx(1 / 3)
    assert (other.shadow.solver, other.real.share("failed")) == ("other", 1.0)


@pytest.mark.parametrize(
    ("answer", "other", "same"),
    [
        ("1/2", "0.5", True),
        ("The answer is 1,000.", "1000", True),
        ("I do not know", "i do  not know", True),
        ("I do not know", "7", False),
        ("", "7", False),
        ("-5", "5", False),
    ],
)
def test_answers_agree_if_they_say_the_same(answer: str, other: str, same: bool) -> None:
    assert agrees(answer, other, "How much is it?") is same


def test_where_all_were_displaced_there_is_nothing_to_say() -> None:
    (pair,) = compare(with_agreement([row(shadow_outcome="displaced")]))
    assert (pair.compared, pair.agreement, pair.displaced) == (0, None, 1)
    assert (pair.real.median_s, pair.shadow.share("late")) == (None, None)


@pytest.fixture
def filled(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    with Ledger.open(path) as ledger:
        for number, (answer, outcome) in enumerate([("2", "solved"), ("5", "late"), ("", "displaced")]):
            ledger.record(admitted(str(number), epoch(number), question=f"How much is {number}?"))
            ledger.record(answered(str(number)))
            ledger.record(shadowed(str(number), answer=answer, outcome=outcome))  # type: ignore[arg-type]
    return path


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_the_command_shows_them_and_their_disagreements(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "--path", str(filled), "--shadows"]) == 0
    assert [cells(line) for line in capsys.readouterr().out.splitlines()] == [
        ["Shadow solvers, on the same challenges"],
        ["solver", "role", "answers", "agree", "median s", "late", "failed", "displaced"],
        ["direct", "sent", "2", "2.50", "0%", "0%"],
        ["race", "tried", "2", "50%", "1.50", "50%", "0%", "1"],
        [],
        ["Disagreements"],
        ["began (UTC)", "question", "sent", "shadow"],
        ["1970-01-01 00:11:48", "How much is 1?", "2", "5"],
        [],
    ]
    assert main(["ledger", "--path", str(filled)]) == 0
    out = capsys.readouterr().out
    assert "Shadow solvers, on the same challenges" in out and "Disagreements" not in out


def test_nothing_to_show_is_said_only_if_asked_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Ledger.open(path).close()
    assert main(["ledger", "--path", str(path), "--shadows", "--lanes"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Shadow solvers, on the same challenges: None has answered yet; see --miner.shadow.",
        "",
        "Answers by sampler: Nothing was learned yet; `logicnet learn RUN` learns from a bench.",
        "",
    ]
    assert main(["ledger", "--path", str(path)]) == 0
    assert "Shadows" not in capsys.readouterr().out


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_they_are_exported_side_by_side(filled: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "--path", str(filled), "--shadows", "--format", form]) == 0
    out = capsys.readouterr().out
    found = (
        [json.loads(line) for line in out.splitlines()]
        if form == "jsonl"
        else list(csv.DictReader(io.StringIO(out)))
    )
    assert [(one["answer"], one["shadow_answer"], one["shadow_outcome"]) for one in found] == [
        ("2", "2", "solved"),
        ("2", "5", "late"),
        ("2", "", "displaced"),
    ]
    assert [str(one["agree"] if one["agree"] is not None else "") for one in found] == ["True", "False", ""]
