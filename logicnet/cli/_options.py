"""What several commands share: options, and the settings that a command is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from logicnet import logs
from logicnet.config import Config, read
from logicnet.config.explain import console, print_flags
from logicnet.config.started import as_started
from logicnet.errors import SettingsError

# The words that a command does not know are settings, and `logicnet.config` reads those.
WITH_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}

# What several commands take.
JudgeUrl = Annotated[
    str | None, typer.Option("--judge-url", "--judge", help="OpenAI-compatible base URL of a judge.")
]
ReferenceUrl = Annotated[
    str | None,
    typer.Option("--reference-url", "--reference-endpoint", help="Of a model to compare reasoning with."),
]
ItsModel = Annotated[str | None, typer.Option(help="Its model; the server's first one.")]
ItsKey = Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="Its API key.", show_default=False)]
EmbeddingModel = Annotated[
    str | None, typer.Option(help="Folder or hub name, if not the installed all-MiniLM-L6-v2.")
]
RunFolder = Annotated[Path | None, typer.Option(help="Folder of the run; a new one below .run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out broken lines of it.")]
Catalogue = Annotated[Path | None, typer.Option(help="Another table than ours, TOML in the same form.")]


def cards(vram: float | None, gpus: int | None) -> int:
    """How many of the size that `--vram` says. Raises SettingsError."""
    if gpus is not None and vram is None:
        raise SettingsError("--gpus counts cards of the size that --vram says: give both, or neither")
    return 1 if gpus is None else gpus


def settings_of(context: typer.Context) -> Config:
    """The settings that a command was given, with logging set up as they say. Raises SettingsError."""
    found = read(context.args)
    logs.set_up(found.settings.logging, found.secrets())
    return found


def pm2s(context: typer.Context) -> Config:
    """As `settings_of`, with what ecosystem.config.js adds where pm2 runs the miner of this folder."""
    found = as_started(context.args)
    logs.set_up(found.settings.logging, found.secrets())
    return found


def asks_help(context: typer.Context, usage: str, about: str) -> bool:
    """Whether help was asked for; then it is printed, with every setting in it."""
    if not {"--help", "-h"} & {*context.args}:
        return False
    out = console()
    # Written in lines of our sources; a narrow terminal breaks them elsewhere.
    paragraphs = "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    out.print(f"Usage: logicnet {usage}\n\n{paragraphs}", markup=False)
    print_flags(out)
    return True
