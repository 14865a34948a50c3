"""`logicnet tune improve`: the loop, and its demo."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, settings_of
from logicnet.cli._tune import tune
from logicnet.tuning.improve.options import ImproveOptions


@tune.command(context_settings=WITH_SETTINGS)
@takes(ImproveOptions)
def improve(options: ImproveOptions) -> int:
    """Practise, train, prove and serve: rounds that make the served model better at what it is asked.

    A round that was killed goes on. Takes the flags of `mine` too.
    """
    settings = settings_of(options.words).settings

    from logicnet.operate.improve import run  # noqa: PLC0415

    return run(options, settings)


@tune.command()
def improve_demo(
    *,
    folder: Annotated[Path, typer.Option(help="Folder for all files.")] = Path(".run/improve-demo"),
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path(".run/model/smollm2"),
    vllm_python: Annotated[Path, typer.Option(help="Python that has vLLM.")] = Path(".venv-vllm/bin/python"),
    python: Annotated[Path, typer.Option(help="Python that has TRL.")] = Path(".venv-tune/bin/python"),
    recipe: Annotated[Path, typer.Option(help="Recipe of the questions.")] = Path("recipes/sentences.toml"),
) -> int:
    """One round of the loop with the demo's model: practice, training, proof and swap.

    `make improve-demo` sets up what that needs.
    """
    from logicnet.operate.demo.improve import run  # noqa: PLC0415
    from logicnet.operate.demo.tune import TuneStage  # noqa: PLC0415

    return run(TuneStage(vllm_python, python, model, folder), recipe)
