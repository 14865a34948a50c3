"""Which miner runs here, and with which flags."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from logicnet.cli import main
from logicnet.cli._settings import pm2s
from logicnet.config.running import mined_with, running_elsewhere, running_flags
from logicnet.config.started import as_started
from tests.harness.quiet import logging_put_back
from tests.unit.operate.console.scenes import scene


@contextmanager
def documented(folder: Path, *flags: str) -> Iterator[psutil.Process]:
    """What `pm2 start python -- neurons/miner/miner.py ...` runs, without the mining."""
    script = folder / "neurons" / "miner" / "miner.py"
    if not script.exists():  # a miner that starts may be reading it
        script.parent.mkdir(parents=True)
        script.write_text("input()")
    words = [sys.executable, "neurons/miner/miner.py", *flags]
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE) as process:
        try:
            found = psutil.Process(process.pid)
            while not found.cmdline():  # for an instant after exec
                time.sleep(0.01)
            yield found
        finally:
            process.kill()


def test_a_running_miners_flags_are_those_of_the_commands_beside_it(tmp_path: Path) -> None:
    with documented(tmp_path, "--axon.port", "9107", "--miner.category", "Logic"):
        assert as_started([], {}, tmp_path / ".env").settings.axon.port == 9107
        assert as_started(["--axon.port", "9001"], {}, tmp_path / ".env").settings.axon.port == 9001
        kept = as_started([], {"SN35_MINER_FLAGS": "--netuid 7"}, tmp_path / ".env").settings
        assert (kept.netuid, kept.axon.port) == (7, 8091)
    assert as_started([], {}, tmp_path / ".env").settings.axon.port == 8091


def test_a_miner_elsewhere_or_two_of_them_do_not_count(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with documented(here, "--netuid", "7") as one, documented(there, "--netuid", "8") as other:
        assert running_flags(here, [one, other]) == ["--netuid", "7"]
        with documented(here, "--netuid", "9") as second:
            assert running_flags(here, [one, second]) == []


def test_top_and_ledger_find_the_miner_of_the_documented_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    miner = documented(tmp_path, "--ledger.path", "own.sqlite")
    with scene(tmp_path / "own.sqlite"), miner, logging_put_back():
        assert main(["top", "--once"]) == 0
        assert main(["ledger", "--since", "999999h"]) == 0
    out, errors = capsys.readouterr()
    assert "no miner is running" not in out and "5MinerMi" in out
    assert "no ledger" not in out + errors
    assert "Question 1?" in out


def test_a_folder_that_is_no_miners_is_told_where_the_miner_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    with documented(there) as one:
        assert running_elsewhere(here, [one]) == there
        assert running_elsewhere(there, [one]) is None
        monkeypatch.setattr("logicnet.config.running.psutil.process_iter", lambda: iter([one]))
        monkeypatch.chdir(here)
        with logging_put_back():
            pm2s(["--axon.port", "9001"])
            assert capsys.readouterr().err == ""
            pm2s([])
        said = (
            f"No miner's settings are in this folder, and your miner runs in {there}: cd {there}, and do this"
        )
        assert said in capsys.readouterr().err
        with documented(tmp_path / "third") as other:
            assert running_elsewhere(here, [one, other]) is None
        (here / ".env").touch()
        assert running_elsewhere(here, [one]) is None


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["python3", "neurons/miner/miner.py", "--netuid", "35"], ["--netuid", "35"]),
        (["/x/python", "-u", "/srv/logicnet/neurons/miner/miner.py"], []),
        (["/x/.venv/bin/python", "/x/.venv/bin/logicnet", "mine", "--offline"], ["--offline"]),
        (["python", "-m", "logicnet", "mine"], []),
        (["python", "-m", "logicnet", "mine", "--a"], ["--a"]),
        (["logicnet", "ledger", "mine"], None),
        (["vim", "neurons/miner/other.py"], None),
        (["python", "logicnet", "doctor"], None),
        ([], None),
    ],
)
def test_command_lines_that_mine(words: list[str], flags: list[str] | None) -> None:
    assert mined_with(words) == flags
