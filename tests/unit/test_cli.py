"""The command line: what it hands on, what it says when something is wrong, and with which status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import logicnet.miner
from logicnet import __version__
from logicnet.cli import main
from logicnet.cli._settings import own_words
from logicnet.cli.commands import app
from logicnet.config import table
from logicnet.errors import ChainError, LogicnetError, SettingsError
from logicnet.settings import Settings
from logicnet.solver import solver_names
from tests.harness.quiet import logging_put_back

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

ROOT = Path(__file__).parents[2]
MINER = ROOT / "neurons" / "miner" / "miner.py"
SECRET = "sk-TOPSECRET-0123456789"

Ran = list[Settings]
Runs = Callable[..., Ran]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No `.env`, no variables, and logging as it was before."""
    monkeypatch.chdir(tmp_path)
    for setting in table().values():
        monkeypatch.delenv(setting.variable, raising=False)
        for name in setting.known_as:
            monkeypatch.delenv(name, raising=False)
    with logging_put_back():
        yield


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """`runs(error)` stands in for the miner itself: keeps its settings, then raises `error`, if any."""

    def stand_in(error: BaseException | None = None) -> Ran:
        ran: Ran = []

        def run(settings: Settings) -> None:
            ran.append(settings)
            if error:
                raise error

        monkeypatch.setattr(logicnet.miner, "run", run)
        return ran

    return stand_in


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_ctrl_c_ends_a_command_that_a_script_started_in_the_background(tmp_path: Path) -> None:
    # A shell without job control starts background commands with SIGINT ignored.
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); from logicnet import cli; "
        "from logicnet.cli.commands import app; "
        "app.command('busy')(lambda: os.kill(os.getpid(), signal.SIGINT)); sys.exit(cli.main(['busy']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_mine_hands_the_settings_to_the_miner(runs: Runs) -> None:
    ran = runs()
    assert main(["mine", "--axon.port=9000", "--logging.debug", "--miner.solver", "constant"]) == 0
    (settings,) = ran
    assert (settings.axon.port, settings.logging.debug, settings.miner.solver) == (9000, True, "constant")


def test_mine_reads_environment_and_file(runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = runs()
    monkeypatch.setenv("LOGICNET_AXON__PORT", "9000")
    (tmp_path / ".env").write_text("LOGICNET_AXON__PORT=1\nLOGICNET_NETUID=7\n")
    assert main(["mine"]) == 0
    assert (ran[0].axon.port, ran[0].netuid) == (9000, 7)


@pytest.mark.parametrize(
    "argv",
    [
        ["mine", "--axon.prot", "1"],
        ["mine", "--axon.port", "x"],
        ["mine", "--axon.port"],
        ["mine", "stray"],
        ["mine", "-x1"],
        ["mine", "--miner.solver", "nonsense"],
        ["mine", "--chain.file", "nowhere"],
        ["mine", "--offline"],
        ["config", "--axon.prot", "1"],
        ["ledger", "--axon.prot", "1"],
        ["minee"],
        ["--nonsense"],
        ["solvers", "--nonsense"],
        ["version", "stray"],
    ],
    ids=" ".join,
)
def test_asked_wrongly_is_one_line_and_status_2(
    runs: Runs, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    ran = runs()
    assert main(argv) == 2
    assert not ran
    (line,) = said(capsys)
    assert argv[-1] in line or argv[-2] in line


def test_a_slip_in_a_command_is_put_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mien"]) == 2
    (line,) = said(capsys)
    assert "mine" in line


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("--wallet.name: no such wallet."), 2),
        (ChainError("The chain is away."), 1),
        (LogicnetError("Something else."), 1),
    ],
)
def test_an_error_of_ours_is_its_own_line(
    runs: Runs, capsys: pytest.CaptureFixture[str], error: LogicnetError, status: int
) -> None:
    runs(error)
    assert main(["mine"]) == status
    assert said(capsys) == [str(error)]


def test_a_fault_is_one_line_without_a_traceback(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs(KeyError("what\nis this"))
    assert main(["mine"]) == 1
    (line,) = said(capsys)
    assert "LOGICNET_LOGGING__TRACE=true in the environment adds details" in line
    assert "KeyError" in line and "test_cli.py:" in line


def test_a_fault_with_trace_has_a_traceback(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs(KeyError(f"what is {SECRET}"))
    assert main(["mine", "--logging.trace", "--miner.llm_client.key", SECRET]) == 1
    lines = said(capsys)
    assert any("Traceback" in line for line in lines)
    assert "TOPSECRET" not in "".join(lines)


def test_a_fault_of_a_command_without_settings_has_a_traceback_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("what")

    monkeypatch.setattr("logicnet.solver.solver_names", broken)
    assert main(["solvers"]) == 1
    (line,) = said(capsys)
    assert "LOGICNET_LOGGING__TRACE=true" in line
    monkeypatch.setenv("LOGICNET_LOGGING__TRACE", "true")
    assert main(["solvers"]) == 1
    assert any("Traceback" in line for line in said(capsys))


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert main([word]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_a_fault_among_json_lines_is_one(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs(KeyError("what"))
    assert main(["mine", "--logging.json"]) == 1
    (line,) = said(capsys)
    assert json.loads(line)["level"] == "CRITICAL"


def test_ctrl_c_says_nothing(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs(KeyboardInterrupt())
    assert main(["mine"]) == 130
    assert said(capsys) == []


def test_config_shows_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--axon.port", "9000", "--miner.llm_client.key", SECRET]) == 0
    out = capsys.readouterr().out
    assert "axon.port = 9000  # flag --axon.port\n" in out
    assert "TOPSECRET" not in out


@pytest.mark.parametrize("argv", [["--json", "--netuid", "7"], ["--netuid", "7", "--json"]])
def test_config_as_json(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert main(["config", *argv]) == 0
    assert json.loads(capsys.readouterr().out)["netuid"] == {"value": 7, "from": "flag --netuid"}


def test_config_shows_what_pm2s_miner_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("SN35_VLLM_PORT=8123\nVLLM_API_KEY=sesame\n")
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    assert "base_url = http://127.0.0.1:8123/v1  # pm2, from SN35_VLLM_PORT\n" in out
    assert "sesame" not in out


def test_config_shows_settings_that_do_not_go_together_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "--chain.file", "network.json"]) == 2
    captured = capsys.readouterr()
    assert "chain.file = network.json  # flag --chain.file\n" in captured.out
    assert captured.err.startswith("--chain.file is for mining without a chain")


@pytest.mark.parametrize("argv", [["mine", "--help"], ["mine", "-h"], ["mine", "--axon.port", "1", "--help"]])
def test_mine_help_lists_every_flag(runs: Runs, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    ran = runs()
    assert main(argv) == 0
    assert not ran
    out = capsys.readouterr().out
    assert out.startswith("Usage: logicnet mine [--flag value]...\n")
    assert all(f"\n  {setting.flag} " in out for setting in table().values())


def test_config_help_lists_its_own_flag_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--help"]) == 0
    out = capsys.readouterr().out
    assert "[--json]" in out and "--axon.port PORT" in out


@pytest.mark.parametrize(
    ("command", "flags"),
    [("console", ["--console.port", "--console.password"]), ("vllm", ["--host", "--port"])],
)
def test_help_names_the_flags_that_are_handed_on(
    capsys: pytest.CaptureFixture[str], command: str, flags: list[str]
) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(flag in out for flag in flags)


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("mine", "config", "ledger", "demo", "solvers", "version"))


def test_help_has_four_groups_in_an_operators_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    words = ["Mine", "doctor", "Serve", "vllm", "Watch", "ledger", "Improve", "bench"]
    assert [out.index(f" {word} ") for word in words] == sorted(out.index(f" {word} ") for word in words)


def test_the_help_of_a_run_says_its_defaults_and_hides_former_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["arena", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--concurrency" in out and "--lanes" not in out
    assert "Number of validator loops. [default: 1]" in out and "env var: OPENAI_API_KEY" in out


def commands(group: Any, *words: str) -> Iterator[list[str]]:
    """The words of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
        else:
            yield [*words, name]


@pytest.mark.parametrize("words", [*commands(typer.main.get_command(app))], ids=" ".join)
def test_no_help_shows_a_default_that_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([*words, "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out and "Undefined" not in out and "[default: ]" not in out


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("learn", "RUN... [OPTIONS]"),
        ("tune run", "[JOB.toml] [OPTIONS]"),
        ("tune search", "[JOB.toml] [OPTIONS]"),
        ("tune jobs", "[JOB] [OPTIONS]"),
        ("tune cancel", "JOB [OPTIONS]"),
        ("tune logs", "JOB [OPTIONS]"),
        ("tune swap", "NAME [OPTIONS]"),
        ("tune judge", "TASK [OPTIONS]"),
    ],
)
def test_the_usage_names_the_words_before_the_flags(
    capsys: pytest.CaptureFixture[str], words: str, usage: str
) -> None:
    assert main([*words.split(), "--help"]) == 0
    assert f"Usage: logicnet {words} {usage}\n" in re.sub(" +\n", "\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("given", "own"), [("job --a 1", ["job"]), ("--a 1 job", []), ("a b", ["a", "b"]), ("", [])]
)
def test_a_commands_own_words_come_before_the_flags(given: str, own: list[str]) -> None:
    words = given.split()
    assert own_words(words) == (own, words[len(own) :])


def test_a_flag_that_is_needed_is_asked_for_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "entry"]) == 2
    (line,) = said(capsys)
    assert line == "Missing option '--out'."


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    asked = {"_LOGICNET_COMPLETE": "complete_bash", "COMP_WORDS": "logicnet be", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "logicnet"],
        cwd=tmp_path,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["bench"]


def test_solvers_lists_what_the_registry_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solvers"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == solver_names()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip().count(".") == 2


# --- as real processes


def process(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, argv)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_documented_entry_point_says_one_line_for_a_wrong_flag(tmp_path: Path) -> None:
    done = process(MINER, "--netuid", "35", "--axon.prot", "8091", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "--axon.prot: there is no such flag; did you mean --axon.port?\n"


def test_the_documented_entry_point_is_mine(tmp_path: Path) -> None:
    module = process("-m", "logicnet", "mine", "--wallet.path", "nowhere", cwd=tmp_path)
    script = process(MINER, "--wallet.path", "nowhere", cwd=tmp_path)
    assert (script.returncode, script.stderr) == (module.returncode, module.stderr)
    assert script.returncode == 2
    assert script.stderr.count("\n") == 1 and "--wallet.path" in script.stderr


def test_the_competition_miners_script_is_tune_mine(tmp_path: Path) -> None:
    script = MINER.parents[1] / "miner.py"
    done = process(script, "--list_competitions", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"m1", "g1"} <= set(done.stdout.split())
    wrong = process(script, "--wallet.path", "nowhere", "--load_best", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr == ("--dataset_repo_id is missing: name a dataset of the hub or a file\n")


def test_the_script_beside_the_folder_of_the_miner_does_not_hide_it() -> None:
    done = process("-m", "neurons.miner.miner", "--netuid", "x", cwd=MINER.parents[2])
    assert done.returncode == 2
    assert done.stderr.startswith("--netuid ")


def test_bytes_that_are_no_text_are_told_like_the_rest(tmp_path: Path) -> None:
    argv = [sys.executable.encode(), str(MINER).encode(), b"--wallet.name", b"\xff\xfe"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"--wallet.name takes ") and done.stderr.count(b"\n") == 1


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    script = f"{sys.executable} -m logicnet mine --help | head -1"
    done = subprocess.run(script, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "Usage: logicnet mine [--flag value]...\n"
    assert done.stderr == ""


@pytest.mark.parametrize("argv", [["--help"], ["mine", "--help"], ["mine", "--x"], ["config"], ["version"]])
def test_what_is_not_needed_is_not_imported(tmp_path: Path, argv: list[str]) -> None:
    heavy = "{'bittensor', 'openai', 'httpx2', 'uvicorn', 'uvloop', 'mathgenerator', 'torch'}"
    imported = f"sorted({heavy} & sys.modules.keys())"
    program = f"import sys; from logicnet.cli import main; main({argv}); print({imported})"
    done = process("-c", program, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_watches_a_miner_of_pm2s_knows_its_flags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text('SN35_MINER_FLAGS="--ledger.path elsewhere.sqlite"\n')
    assert main(["ledger"]) == 1
    assert "no ledger at elsewhere.sqlite" in capsys.readouterr().err


def test_a_terminal_that_knows_ascii_alone_gets_something_alike() -> None:
    words = [sys.executable, "-m", "logicnet", "top", "--once", "--ledger.path", "/nowhere/ledger.sqlite"]
    environ = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "COLUMNS": "80"}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.isascii()
    assert "reward                                   -" in done.stdout
