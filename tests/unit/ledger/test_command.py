"""`logicnet ledger`, from the words of a user to what is printed."""

import json
from pathlib import Path

import pytest

from logicnet.cli import main
from logicnet.errors import Reason
from logicnet.ledger import Ledger
from tests.unit.ledger.facts import ALICE, BOB, admitted, answered, epoch, refused


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def fill(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a", epoch(1)))
        ledger.record(answered("a"))
        ledger.record(admitted("b", epoch(1, validator=BOB)))
        ledger.record(refused(Reason.MALFORMED))


def test_without_a_ledger_it_says_so_in_one_line_and_status_1(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger"]) == 1
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert f"There is no ledger at {home}/.logicnet/default-default.sqlite yet" in error


def test_it_finds_the_ledger_of_the_miner_with_the_same_flags(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(home / ".logicnet" / "w-h.sqlite")
    assert main(["ledger", "--wallet.name", "w", "--wallet.hotkey=h"]) == 0
    out = capsys.readouterr().out
    assert all(
        word in out for word in ("Epochs", ALICE, BOB, "Challenges", "1 + 1?", "Refusals", "malformed")
    )


def test_options_choose_the_table_and_the_rows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home / "l.sqlite")
    assert main(["ledger", "--path", "l.sqlite", "--challenges", "--validator", ALICE]) == 0
    out = capsys.readouterr().out
    assert ALICE in out and BOB not in out and "Epochs" not in out
    assert main(["ledger", "--ledger.path", "l.sqlite", "--since", "1h", "--epochs"]) == 0
    assert capsys.readouterr().out == "Epochs: No validator has asked yet.\n\n"


def test_an_export_goes_to_a_file_or_to_standard_output(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(home / "l.sqlite")
    assert main(["ledger", "--path", "l.sqlite", "--export", "out.csv"]) == 0
    assert (home / "out.csv").read_text().startswith("challenge_id,validator,")
    assert main(["ledger", "--path", "l.sqlite", "--epochs", "--export", "-"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["given"] for row in rows] == [1, 1]
    assert main(["ledger", "--path", "l.sqlite", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("\r\n") == 3


def test_json_is_an_object_a_line_and_nothing_else(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home / "l.sqlite")
    assert main(["ledger", "--path", "l.sqlite", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["challenge_id"], row["answer"]) for row in rows] == [("a", "2"), ("b", None)]
    assert main(["ledger", "--path", "l.sqlite", "--refusals", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "malformed"
    assert main(["ledger", "--path", "l.sqlite", "--json", "--since", "1h"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--since", "yesterday"], 2, "--since takes"),
        (["--format", "xml"], 2, "--format"),
        (["--last", "0"], 2, "--last"),
        (["--epochs", "--refusals", "--format", "csv"], 2, "one table"),
        (["--json", "--epochs", "--refusals"], 2, "one table"),
        (["--json", "--format", "csv"], 2, "--json and --format csv"),
        (
            ["--ledger.keep_days", "-1"],
            2,
            "--ledger.keep_days takes a whole number from 0 (for ever) to 3650",
        ),
        (["--export", "l.sqlite"], 1, "the ledger itself"),
        (["--chalenges"], 2, "--chalenges"),
    ],
)
def test_what_is_wrong_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, says: str
) -> None:
    fill(home / "l.sqlite")
    assert main(["ledger", "--path", "l.sqlite", *words]) == status
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and says in error
