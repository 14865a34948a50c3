"""`logicnet init`: asks, writes both files or neither, and prints the next steps.

Existing files are replaced with --force alone, and backed up.
"""

import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from loguru import logger

from logicnet.chain import load_hotkey
from logicnet.config import check, lines_of, table
from logicnet.config.started import HOTKEYS, as_started, others_started
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.init.machine import CHECKOUT, IN_CHECKOUT
from logicnet.operate.init.questions import VOLUME, InitAnswers, InitOptions, collect_answers

_BARE = re.compile(r"[0-9A-Za-z_./:@%+,=~-]*")


def line(name: str, value: str) -> str:
    """A line that python-dotenv and ecosystem.config.js read alike. Raises SettingsError if no line is."""
    if _BARE.fullmatch(value):
        return f"{name}={value}"
    if value.replace("\n", "").isprintable() and "\\" not in value:
        for quote in ('"', "'"):
            if quote not in value:
                return f"{name}={quote}{value}{quote}"
    raise SettingsError(
        f"{name} cannot be written to .env: its value has both kinds of quotes, a backslash or a control "
        "character."
    )


def text(groups: Mapping[str, Mapping[str, str]]) -> str:
    """A file of named groups; empty groups are left out."""
    head = (
        "# Written by `logicnet init`. The miner reads LOGICNET_... and the keys, ecosystem.config.js all.\n"
        "# Flags override the environment, the environment this file. It may hold secrets: keep it private.\n"
    )
    parts = [
        "\n".join([f"# --- {title}", *(line(name, value) for name, value in group.items())])
        for title, group in groups.items()
        if group
    ]
    return "\n".join([head, "\n\n".join(parts), ""])


ECOSYSTEM = "ecosystem.config.js"
PM2 = 7  # the major version of package.json
BACKUPS = Path(".run/backups")  # ignored by git, as .env is


@dataclass
class WrittenFiles:
    """The files written, the files that were unchanged, and the backups."""

    files: list[Path] = field(default_factory=list)
    same: list[Path] = field(default_factory=list)
    backups: list[Path] = field(default_factory=list)


def refuse_to_overwrite(folder: Path, *, force: bool) -> None:
    """Raise SettingsError if a file exists already; before any question is asked."""
    env = folder / ".env"
    if env.exists() and not force:
        raise SettingsError(
            f"{env} exists. --force replaces it, keeps its values where you give no others, and backs it up."
        )
    ecosystem = folder / ECOSYSTEM
    if ecosystem.exists() and not force and _text(ecosystem) != template():
        raise SettingsError(f"{ecosystem} exists, and is not ours. --force replaces it and backs it up.")


def write(answers: InitAnswers, folder: Path, *, force: bool) -> WrittenFiles:
    """Write both files, `.env` with mode 600.

    Raises SettingsError if the miner would not start with them, LogicnetError if they cannot be written;
    then no file has changed.
    """
    refuse_to_overwrite(folder, force=force)
    text, ecosystem = env_text(answers), template()
    try:
        with tempfile.TemporaryDirectory() as aside:
            trial = Path(aside) / ".env"
            _put(trial, text, 0o600)
            try:
                for config in (as_started([], {}, trial), *others_started([], {}, trial)):
                    check(config)
                    load_hotkey(config.settings.wallet)
            except SettingsError as wrong:
                raise SettingsError(_as_before(str(wrong), trial, folder / ".env")) from None
        done = WrittenFiles()
        for file, content, mode in ((folder / ECOSYSTEM, ecosystem, 0o644), (folder / ".env", text, 0o600)):
            if file.exists() and _text(file) == content:
                file.chmod(mode)
                done.same.append(file)
                continue
            if file.exists():
                done.backups.append(_backup(file))
            _put(file, content, mode)
            done.files.append(file)
    except OSError as error:
        raise LogicnetError(f"{folder} cannot be written to ({error.strerror or error}).") from None
    return done


def _as_before(wrong: str, trial: Path, earlier: Path) -> str:
    """`wrong` with the lines of the earlier file, which the operator can look at, in place of the trial's."""
    lines = lines_of(earlier)
    return re.sub(
        rf"(\w+) \({re.escape(str(trial))} line \d+\)",
        lambda found: f"{found[1]} (.env line {lines[found[1]]})" if found[1] in lines else found[1],
        wrong,
    )


def env_text(answers: InitAnswers) -> str:
    """The text of `.env`."""
    vllm: dict[str, str] = {"SN35_VLLM": "false"}
    if answers.vllm is not None:
        one = answers.vllm
        vllm = {
            "SN35_VLLM_MODEL": one.model,
            "SN35_VLLM_PORT": one.port,
            "SN35_VLLM_FLAGS": one.flags,
            **one.environment,
        }
        if one.has_vllm:  # else `logicnet vllm` finds it once it is there
            vllm["SN35_VLLM_PYTHON"] = one.python
    kept = {name: value for name, value in answers.kept.items() if name not in vllm}
    title = "the model, served by vLLM on this machine" if answers.vllm else "the model is served elsewhere"
    return text(
        {
            "the miner": {
                **answers.settings,
                **({HOTKEYS: ",".join(answers.hotkeys)} if answers.hotkeys else {}),
                "SN35_MINER_PYTHON": sys.executable,
            },
            title: vllm,
            "as it was before": kept,
        }
    )


def template() -> str:
    """ecosystem.config.js, which does not depend on its folder."""
    return files("logicnet.operate.init").joinpath(ECOSYSTEM).read_text()


def _backup(file: Path, clock: Callable[[], float] = time.time) -> Path:
    """A copy of `file` with mode 600; earlier backups are kept."""
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
        raise LogicnetError(
            f"{file} cannot be read ({error.strerror or error}): move it to another folder."
        ) from None


def _put(file: Path, text: str, mode: int) -> None:
    """Write `file` atomically: a half-written `.env` would be read."""
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


QUESTIONS_OF = ("mathgenerator", "reasoning_gym")
"""Packages of the extra `challenges`, of which `logicnet volume advise` draws its questions."""

USAGE = (
    "init [--folder FOLDER] [--model MODEL] [--vllm-flags FLAGS] [--vllm-python PYTHON] [--hotkeys A,B,C] "
    "[--yes] [--force] [--flag value]...",
    """Write .env and ecosystem.config.js for this machine. Nothing in them needs editing.

Without a terminal, or with --yes, nothing is asked. Else five settings are asked unless a flag gives them:
--wallet.name, --wallet.hotkey, --subtensor.network, --axon.port, and --model (for vLLM on this machine: a
name of `logicnet models`, or a folder) or --miner.llm_client.base_url (a running server). Other flags of
`mine` are written too. --vllm-flags replaces the flags of `logicnet plan`, --vllm-python names the Python
that has vLLM. --hotkeys A,B,C makes a miner for each of these hotkeys of the wallet, on ports in a row, all
on one model. Existing files are replaced with --force alone, and backed up in .run/backups.""",
)


def run(options: InitOptions) -> None:
    """Ask, write, print. Raises SettingsError and LogicnetError; then no file has changed."""
    refuse_to_overwrite(options.folder, force=options.force)
    logger.disable("logicnet.chain")  # `logicnet doctor` reports the hotkey's file
    try:
        answers = collect_answers(options)
        done = write(answers, options.folder, force=options.force)
    finally:
        logger.enable("logicnet.chain")
    for line in summary(options, answers, done):
        print(line)


def summary(options: InitOptions, answers: InitAnswers, done: WrittenFiles) -> list[str]:
    """The files written, and the next steps."""
    lines = [f"Wrote {file}." for file in done.files]
    lines += [f"{file} is unchanged." for file in done.same]
    lines += [f"The old file is kept as {file}." for file in done.backups]
    vllm = answers.vllm
    if vllm is None:
        lines.append("A running server has the model, so pm2 starts the miner alone.")
    else:
        lines.append(f"vLLM will serve {vllm.model} with {vllm.flags or 'its defaults'}.")
    volume = answers.settings.get(VOLUME) or table()["miner.epoch_volume"].default
    if answers.hotkeys:
        lines.append(f"{len(answers.hotkeys)} miners, which share the model: {', '.join(answers.hotkeys)}.")
    estimated = ", the estimate of the plan" if vllm is not None and str(vllm.volume) == volume else ""
    who = "Each" if answers.hotkeys else "The"
    lines.append(
        f"{who} miner promises {volume} challenges per interval{estimated}. `logicnet volume advise` "
        "measures how many it keeps."
    )
    steps, folder = [], options.folder.resolve()
    pm2 = "npx pm2"
    if vllm is not None and not vllm.has_vllm:
        setup = [str(CHECKOUT / "scripts" / "setup"), "vllm" if "--cpu" in vllm.flags else "gpu"]
        pip = f"{shlex.quote(vllm.python)} -m pip install 'logicnet[vllm]'"
        steps.append(shlex.join(setup) if IN_CHECKOUT else pip)
    modules = CHECKOUT if IN_CHECKOUT else folder
    if not (modules / "node_modules" / ".bin" / "pm2").exists():
        install = "npm ci" if IN_CHECKOUT else f"npm install pm2@{PM2}"
        steps.append(install if folder == modules else f"{install} --prefix {shlex.quote(str(modules))}")
    if folder != modules:  # npx there would download another pm2
        pm2 = shlex.quote(str(modules / "node_modules" / ".bin" / "pm2"))
    if folder != Path.cwd():
        steps.append(f"cd {shlex.quote(str(folder))}")
    steps += [f"{pm2} start ecosystem.config.js", "logicnet doctor"]
    if vllm is not None:
        if any(find_spec(package) is None for package in QUESTIONS_OF):
            steps.append(f"{shlex.quote(sys.executable)} -m pip install 'logicnet[challenges]'")
        steps.append("logicnet volume advise    # once the model answers: measures the volume to promise")
    return [*lines, "", "Next:", *(f"    {step}" for step in steps)]
