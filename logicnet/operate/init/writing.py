"""Writing: both files at once, or neither; what was there is never overwritten unless asked, and is kept."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.init import env_file
from logicnet.operate.init.answers import Answers, proved
from logicnet.operate.init.machine import CHECKOUT

ECOSYSTEM = "ecosystem.config.js"
BACKUPS = Path(".run/backups")  # not committed, as .env is not
_HOME = "const home = __dirname"
"""The line of ecosystem.config.js that says where the checkout is."""


@dataclass
class WrittenFiles:
    """What was written, what was as it should be, and where what was there before is kept."""

    files: list[Path] = field(default_factory=list)
    same: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)


def refuse_to_overwrite(folder: Path, *, force: bool) -> None:
    """Raise SettingsError if a file is in the way; before any question is asked."""
    env = folder / ".env"
    if env.exists() and not force:
        raise SettingsError(
            f"{env} is there already. --force writes a new one, with its values where you give no others, "
            "and keeps the old one."
        )
    ecosystem = folder / ECOSYSTEM
    if ecosystem.exists() and not force and _text(ecosystem) != template(folder):
        raise SettingsError(f"{ecosystem} is there already, and not ours. --force replaces it and keeps it.")


def write(answers: Answers, folder: Path, *, force: bool) -> WrittenFiles:
    """Both files, `.env` for nobody else's eyes.

    Raises SettingsError if the miner would not start with them, LogicnetError if they cannot be written;
    then nothing has changed.
    """
    refuse_to_overwrite(folder, force=force)
    text, ecosystem = env_text(answers), template(folder)
    try:
        with tempfile.TemporaryDirectory() as aside:
            trial = Path(aside) / ".env"
            _put(trial, text, 0o600)
            try:
                proved(trial)
            except SettingsError as wrong:
                raise SettingsError(str(wrong).replace(str(trial), ".env")) from None
        done = WrittenFiles()
        for file, content, mode in ((folder / ECOSYSTEM, ecosystem, 0o644), (folder / ".env", text, 0o600)):
            if file.exists() and _text(file) == content:
                file.chmod(mode)
                done.same.append(file)
                continue
            if file.exists():
                done.kept.append(_backup(file))
            _put(file, content, mode)
            done.files.append(file)
    except OSError as error:
        raise LogicnetError(f"{folder} cannot be written to ({error.strerror or error}).") from None
    return done


def env_text(answers: Answers) -> str:
    """The text of `.env`."""
    vllm: dict[str, str] = {"SN35_VLLM": "false"}
    if answers.vllm is not None:
        one = answers.vllm
        vllm = {
            "SN35_VLLM_MODEL": one.model,
            "SN35_VLLM_PORT": one.port,
            "SN35_VLLM_FLAGS": one.flags,
            "SN35_VLLM_PYTHON": one.python,
            **one.environment,
        }
    carried = {name: value for name, value in answers.carried.items() if name not in vllm}
    title = "the model, served by vLLM on this machine" if answers.vllm else "the model is served elsewhere"
    return env_file.text(
        {
            "the miner": {**answers.settings, "SN35_MINER_PYTHON": sys.executable},
            title: vllm,
            "as it was before": carried,
        }
    )


def template(folder: Path) -> str:
    """ecosystem.config.js of the checkout; where it lies elsewhere, it says where the checkout is."""
    try:
        text = (CHECKOUT / ECOSYSTEM).read_text()
    except OSError:
        raise SettingsError(
            f"There is no {ECOSYSTEM} in {CHECKOUT}: install logicnet from its checkout (pip install -e .)."
        ) from None
    if folder.resolve() == CHECKOUT:
        return text
    return text.replace(_HOME, f"const home = {json.dumps(str(CHECKOUT))}", 1)


def _backup(file: Path, clock: Callable[[], float] = time.time) -> Path:
    """A copy of `file` that only we can read, beside none of an earlier time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock()))
    folder = file.parent / BACKUPS
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{file.name}.{stamp}{end}" for end in ("", *(f"-{number}" for number in range(1, 1000))))
    kept = next(path for path in (folder / name for name in names) if not path.exists())
    _put(kept, _text(file), 0o600)
    return kept


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="surrogateescape")
    except OSError as error:
        raise LogicnetError(f"{file} cannot be read ({error.strerror or error}): move it away.") from None


def _put(file: Path, text: str, mode: int) -> None:
    """Whole or not at all: a half-written `.env` would be read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", errors="surrogateescape") as out:
            out.write(text)
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
