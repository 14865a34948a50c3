"""`logicnet demo`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
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
