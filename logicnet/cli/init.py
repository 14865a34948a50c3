"""`logicnet init`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import asks_help


def command(
    context: typer.Context,
    *,
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
    model: Annotated[str | None, typer.Option(help="What vLLM is to serve here.")] = None,
    vllm_flags: Annotated[str | None, typer.Option(help="Flags for vLLM; as planned if not given.")] = None,
    vllm_python: Annotated[str | None, typer.Option(help="The Python that has vLLM.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is there.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there, and keep it.")] = False,
) -> None:
    """Write `.env` and `ecosystem.config.js` for this machine."""
    from logicnet.operate.init.questions import InitOptions  # noqa: PLC0415
    from logicnet.operate.init.run import USAGE, run  # noqa: PLC0415

    if asks_help(context, *USAGE):
        return
    run(
        InitOptions(
            flags=context.args,
            folder=folder,
            model=model,
            vllm_flags=vllm_flags,
            vllm_python=vllm_python,
            force=force,
            ask=input if sys.stdin.isatty() and not yes else None,
        )
    )
