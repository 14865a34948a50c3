"""The commands that set a miner up and run it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import Json, asks_help, pm2s, settings_of
from logicnet.config import check
from logicnet.config.explain import console, print_config, print_config_json
from logicnet.config.started import others_started


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep miner and vLLM running until Ctrl-C.")] = False,
    folder: Annotated[Path, typer.Option(help="Folder for all files.")] = Path(".run/demo"),
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path(".run/model/smollm2"),
    vllm_python: Annotated[Path, typer.Option(help="Python that has vLLM.")] = Path(".venv-vllm/bin/python"),
) -> int:
    """Ask a real miner with a real vLLM ten questions.

    `make demo` sets up what that needs.
    """
    from logicnet.operate.demo import Stage, run  # noqa: PLC0415

    return run(Stage(vllm_python, model, folder), keep=keep)


def init(
    context: typer.Context,
    *,
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
    model: Annotated[str | None, typer.Option(help="What vLLM is to serve here.")] = None,
    vllm_flags: Annotated[str | None, typer.Option(help="Flags for vLLM; as planned if not given.")] = None,
    vllm_python: Annotated[str | None, typer.Option(help="The Python that has vLLM.")] = None,
    hotkeys: Annotated[
        str | None, typer.Option(help="Hotkeys of the wallet, as a,b,c: a miner for each, one vLLM.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is there.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there, and keep it.")] = False,
) -> None:
    """Write `.env` and `ecosystem.config.js` for this machine."""
    from logicnet.operate.init.questions import InitOptions  # noqa: PLC0415
    from logicnet.operate.init.writing import USAGE, run  # noqa: PLC0415

    if asks_help(context, *USAGE):
        return
    ask = input if sys.stdin.isatty() and not yes else None
    run(InitOptions(context.args, folder, model, vllm_flags, vllm_python, force, ask, hotkeys=hotkeys))


def doctor(context: typer.Context, json: Json = False) -> int:
    """Find what is wrong with this miner's set-up."""
    from logicnet.operate.doctor.run import ABOUT, run  # noqa: PLC0415

    if asks_help(context, "doctor [--json] [--flag value]...", ABOUT):
        return 0
    return run(pm2s(context.args), console(), others=others_started(context.args), json=json)


def config(context: typer.Context, json: Json = False) -> None:
    """Show the settings in force and where each came from."""
    about = (
        "Show the settings in force and where each came from; secrets masked. Where .env or the environment "
        "has what pm2 starts (SN35_...), they are those of pm2's miner."
    )
    if asks_help(context, "config [--json] [--flag value]...", about):
        return
    found = pm2s(context.args)
    if json:
        print_config_json(found)
    else:
        print_config(console(), found)
    check(found)


def mine(context: typer.Context) -> int:
    """Mine. `logicnet mine --help` lists every setting."""
    if asks_help(context, "mine [--flag value]...", "Mine until Ctrl-C or SIGTERM."):
        return 0
    found = settings_of(context.args)
    check(found)

    from logicnet.miner import run  # noqa: PLC0415 (the other commands need none of what it needs)

    return run(found.settings)
