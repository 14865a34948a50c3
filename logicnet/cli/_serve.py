"""The commands that choose a model, start it, and measure what it keeps."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, Json, pm2s
from logicnet.operate.serving.options import ShownPlanOptions, VllmOptions


def models(
    *,
    catalogue: Annotated[
        Path | None, typer.Option(help="A table of models in place of ours: TOML, same form.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the models that we know, by the memory they need."""
    from logicnet.operate.serving.choose import show_models  # noqa: PLC0415

    show_models(catalogue, as_json=json)


@takes(ShownPlanOptions)
def plan(options: ShownPlanOptions) -> int:
    """Say which models fit these GPUs, and how to start vLLM.

    Also how many challenges each answers in time.
    """
    from logicnet.operate.serving.choose import run  # noqa: PLC0415

    return run(options)


@takes(VllmOptions)
def vllm(options: VllmOptions) -> int:
    """Start vLLM as planned, and restart it when it is stuck.

    Other flags go to vLLM, and win: --host (default: 127.0.0.1), --port (default: 8000), any.
    """
    from logicnet.operate.serving.vllm.run import run  # noqa: PLC0415

    return run(options)


volume = typer.Typer(help="Measure how much volume to announce.", no_args_is_help=True)
volume.callback()(lambda: None)  # without it the one command would take the place of the group


@volume.command("advise", context_settings=WITH_SETTINGS)
def advise(
    context: typer.Context,
    *,
    minutes: Annotated[float, typer.Option(min=0.1, max=120.0, help="Minutes until it ends.")] = 5.0,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of questions; default: generated ones.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out broken lines of --challenges.")
    ] = False,
    json: Json = False,
) -> int:
    """Measure what this machine answers in time under rising load, and name the largest volume that is safe.

    Takes the flags of `mine` too. Ctrl-C ends it with what was measured.
    """
    settings = pm2s(context.args).settings

    from logicnet.operate.advise import run  # noqa: PLC0415

    return run(settings, minutes=minutes, challenges=challenges, skip_bad=skip_bad, as_json=json)
