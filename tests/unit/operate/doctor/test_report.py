"""What is shown: at any width, without secrets, and what scripts get of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from logicnet.operate.doctor.context import Finding, Severity, error, not_checked, note, ok, warning
from logicnet.operate.doctor.run import as_json, masked, secrets_in, show, status, summary

FOUND = {
    "clock": [ok("The clock is right.")],
    "models": [
        error("sk-secret-key is refused by /home/me/server.", "It costs sk-secret-key.", "Give another.")
    ],
    "boot": [
        warning("pm2 " + "is not saved " * 12, "Nothing comes back.", "npx pm2 save"),
        not_checked("Not checked.", ""),
    ],
}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_line_fits_and_nothing_is_lost(width: int) -> None:
    out = io.StringIO()
    show(Console(file=out, width=width), FOUND)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    for words in ("The clock is right.", "npx pm2 save", "why: Nothing comes back.", "mend: Give another."):
        assert words in said
    assert lines[-1] == "1 error, 2 warnings. 1 could not be checked."


def test_as_one_json_object() -> None:
    told = json.loads(as_json(FOUND))
    assert (told["worst"], told["status"]) == ("error", 4)
    assert [row["check"] for row in told["findings"]] == ["clock", "models", "boot", "boot"]
    assert told["findings"][-1] == {
        "check": "boot",
        "severity": "warning",
        "checked": False,
        "what": "Not checked.",
        "why": "",
        "mend": "",
    }


def test_no_secret_and_no_home() -> None:
    clean = masked(FOUND, ["sk-secret", "sk-secret-key", "EMPTY"], Path("/home/me"))
    text = as_json(clean)
    assert "sk-secret" not in text and "-key" not in text
    assert "**** is refused by ~/server." in text


def test_secrets_are_known_by_their_names() -> None:
    variables = {
        "HF_TOKEN": "hf_1",
        "VLLM_API_KEY": "k",
        "PATH": "/bin",
        "A_PASSWORD": "",
        "my_secret": "s",
    }
    assert secrets_in(variables) == ["hf_1", "k", "s"]


@pytest.mark.parametrize(
    ("found", "code", "line"),
    [
        ([ok("")], 0, "Nothing to mend."),
        ([ok(""), note("")], 0, "1 note."),
        ([note("", checked=False)], 0, "1 note. 1 could not be checked."),
        ([note(""), not_checked("", "")], 3, "1 warning, 1 note. 1 could not be checked."),
        ([warning("", "", ""), error("", "", ""), error("", "", "")], 4, "2 errors, 1 warning."),
    ],
)
def test_the_exit_status_is_that_of_the_worst(found: list[Finding], code: int, line: str) -> None:
    assert status({"any": found}) == code
    assert summary({"any": found}) == line


def test_a_finding_that_was_not_checked_is_never_ok() -> None:
    with pytest.raises(ValueError, match="cannot be OK"):
        Finding(Severity.OK, "", checked=False)


def test_a_hotkeys_name_is_no_secret() -> None:
    variables = {"LOGICNET_WALLET__HOTKEY": "my_hotkey", "HF_TOKEN": "hf_abcdef", "OPENAI_API_KEY": "sk-1"}
    assert secrets_in(variables) == ["hf_abcdef", "sk-1"]
