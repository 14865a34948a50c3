"""Set-up makes a thing once, makes it again when its recipe changes, and says what went wrong."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import setup

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def logs(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "LOGS", tmp_path / "logs")
    return tmp_path / "logs"


class Recipe:
    """A step that writes a file; `fails` makes its command fail."""

    def __init__(self, folder: Path) -> None:
        self.key = "a"
        self.made = 0
        self.fails = False
        stamp = folder / "made-from"
        self.step = setup.Step("thing", "a thing", "no time at all", stamp, lambda: self.key, self.make)

    def make(self, log: setup.Log) -> None:
        self.made += 1
        script = f"print('Collecting wits'); raise SystemExit({int(self.fails)})"
        log.run(sys.executable, "-c", script)


def test_a_thing_is_made_once(tmp_path, capsys):
    recipe = Recipe(tmp_path)
    setup.ensure(recipe.step)
    setup.ensure(recipe.step)
    assert recipe.made == 1
    said = capsys.readouterr().out
    assert "a thing, no time at all" in said
    assert "done in" in said


def test_a_new_recipe_makes_it_again(tmp_path):
    recipe = Recipe(tmp_path)
    setup.ensure(recipe.step)
    recipe.key = "b"
    setup.ensure(recipe.step)
    assert recipe.made == 2


def test_an_environment_without_its_python_is_made_again(tmp_path):
    recipe = Recipe(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    setup.ensure(recipe.step)
    setup.ensure(recipe.step)
    assert recipe.made == 1
    (tmp_path / "bin" / "python").unlink()
    (tmp_path / "bin" / "python").symlink_to("/no/such/python")
    setup.ensure(recipe.step)
    assert recipe.made == 2


def test_a_failure_shows_the_end_of_the_log_and_is_tried_again(tmp_path, logs):
    recipe = Recipe(tmp_path)
    recipe.fails = True
    with pytest.raises(setup.SetupError, match=r"(?s)a thing.* failed; the whole log is .*Collecting wits"):
        setup.ensure(recipe.step)
    assert "Collecting wits" in (logs / "thing.log").read_text()
    recipe.fails = False
    setup.ensure(recipe.step)
    assert recipe.made == 2


def test_an_environment_that_was_moved_is_not_whole(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "bin").mkdir(parents=True)
    assert not setup.is_whole(here)
    (here / "bin" / "python").symlink_to(sys.executable)
    (here / "bin" / "activate").write_text(f"VIRTUAL_ENV={here}\n")
    assert setup.is_whole(here)
    here.rename(there)
    assert not setup.is_whole(there)


def test_variables_that_send_packages_elsewhere_are_left_out(monkeypatch):
    elsewhere = {"PIP_TARGET": "/elsewhere", "PIP_USER": "1", "UV_SYSTEM_PYTHON": "1"}
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    assert not set(elsewhere) & set(setup._environment())


def test_unknown_steps_are_named(capsys):
    assert setup.main(["venv", "nonsense"]) == 2
    names = "uv, venv, scoring, docs, fuzz, vllm, gpu, model, tune, ray, amr, bt10, pm2, browser"
    assert f"nonsense is not a step; steps are {names}" in capsys.readouterr().out


def test_a_browser_that_nobody_may_install_is_asked_for(tmp_path, logs, monkeypatch):
    monkeypatch.setattr(setup, "BROWSER", tmp_path / "browser")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup.SetupError, match="sudo apt-get install chromium"):
        setup.make_browser(setup.Log("browser", "a browser"))


def test_a_browser_that_is_there_is_used(tmp_path, logs, monkeypatch):
    monkeypatch.setattr(setup, "BROWSER", tmp_path / "browser")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "chromium").touch(mode=0o755)
    setup.make_browser(setup.Log("browser", "a browser"))
    assert (logs / "browser.log").read_text() == ""


def test_without_a_python_one_line_says_what_to_do():
    shown = subprocess.run(
        [ROOT / "scripts" / "setup", "venv"],
        env={**os.environ, "PYTHON": "false"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert shown.returncode == 1
    assert shown.stderr.count("\n") == 1
    assert "make PYTHON=" in shown.stderr


@contextmanager
def set_up(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`scripts/setup venv` of a copy, in a process group of its own, as a terminal runs it."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # or it may be ignored, there as here
    try:
        with subprocess.Popen(
            [folder / "scripts" / "setup", "venv"],
            env={**os.environ, "PYTHON": sys.executable, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_it_with_one_line(tmp_path):
    (tmp_path / ".run").mkdir()
    with (tmp_path / ".run" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with set_up(tmp_path) as process:
            assert process.stdout is not None
            assert "waiting for another set-up" in process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "set-up: stopped; run it again to go on\n")


def test_ctrl_c_while_a_python_is_looked_for_ends_it_with_one_line(tmp_path):
    tried = tmp_path / "tried"
    os.mkfifo(tried)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho tried >{tried}\nexec sleep 60\n")
    python.chmod(0o755)
    with set_up(tmp_path, PYTHON=str(python)) as process:
        assert tried.read_text() == "tried\n"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "set-up: stopped; run it again to go on\n")
