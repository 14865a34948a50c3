"""The settings that a command is given, as flags of `mine` among others."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger

from logicnet import logs
from logicnet.config import Config, read
from logicnet.config.explain import console, print_flags
from logicnet.config.running import running_elsewhere
from logicnet.config.started import as_started

# The words that a command does not know are settings, and `logicnet.config` reads those.
WITH_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def settings_of(words: Sequence[str], reader: Callable[[Sequence[str]], Config] = read) -> Config:
    """The settings in a command's `words`, with logging set up as they say. Raises SettingsError."""
    found = reader(words)
    logs.set_up(found.settings.logging, found.secrets())
    return found


def own_words(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words before the first flag, and the settings after them.

    Not an argument of typer: that would take the flag of a setting where the word is missing.
    """
    count = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:count], words[count:]


def pm2s(words: Sequence[str]) -> Config:
    """As `settings_of`, with what ecosystem.config.js adds where pm2 runs the miner of this folder."""
    found = settings_of(words, as_started)
    if not words and (folder := running_elsewhere(Path.cwd())) is not None:
        logger.warning(
            "No miner's settings are in this folder, and your miner runs in {0}: cd {0}, and do this there.",
            shlex.quote(str(folder)),
        )
    return found


def asks_help(context: typer.Context, usage: str, about: str, rooms: Sequence[str] = ()) -> bool:
    """Whether help was asked for; then it is printed, with every setting in it, or those of `rooms`."""
    if not {"--help", "-h"} & {*context.args}:
        return False
    out = console()
    # Written in lines of our sources; a narrow terminal breaks them elsewhere.
    paragraphs = "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    out.print(f"Usage: logicnet {usage}\n\n{paragraphs}", markup=False)
    print_flags(out, rooms)
    return True
