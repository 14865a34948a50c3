"""`logicnet tune ...`: training jobs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, asks_help, own_words, settings_of
from logicnet.errors import SettingsError
from logicnet.settings import Settings
from logicnet.tuning.options import EvaluateOptions, RunOptions

tune = typer.Typer(help="Train models, evaluate them, and serve both over HTTP.", no_args_is_help=True)

_LISTED_BY = {"JOB": "jobs", "NAME": "adapters"}


def job_and_settings(words: Sequence[str], usage: str) -> tuple[str, Settings]:
    """The word before the first flag (an empty text without such a word), and the settings after it."""
    own, flags = own_words(words)
    what = usage.rpartition(" ")[2]
    if not own and what in _LISTED_BY:
        raise SettingsError(
            f"{what} is missing: logicnet tune {usage}; `logicnet tune {_LISTED_BY[what]}` lists them"
        )
    if len(own) > 1:
        raise SettingsError(f"{own[1]!r} is one word too many: logicnet tune {usage}")
    return "".join(own), settings_of(flags).settings


@tune.command(context_settings=WITH_SETTINGS, add_help_option=False)
def serve(context: typer.Context) -> int:
    """Take jobs over HTTP and run them. `logicnet tune serve --help` lists its settings."""
    about = "Take training jobs until Ctrl-C or SIGTERM."
    rooms = ("tuning", "hf_token", "wandb_api_key", "wallet", "netuid", "subtensor", "chain", "logging")
    if asks_help(context, "tune serve [--flag value]...", about, rooms):
        return 0
    settings = settings_of(context.args).settings

    from logicnet.tuning.serve import run  # noqa: PLC0415 (FastAPI)

    if not settings.tuning.improve:
        return run(settings)

    from logicnet.operate.unattended import unattended  # noqa: PLC0415

    return run(settings, partial(unattended, settings, context.args))


@tune.command(context_settings=WITH_SETTINGS, options_metavar="[JOB.toml] [OPTIONS]")
@takes(RunOptions)
def run(options: RunOptions) -> int:
    """Train one model here; Ctrl-C keeps what was reached, to go on later.

    `logicnet tune run [JOB.toml] [--flag value]...`; takes the flags of `tune serve` too.
    """
    file, settings = job_and_settings(options.words, "run [JOB.toml]")

    from logicnet.tuning.foreground import train  # noqa: PLC0415

    return train(options.resume or options.spec(Path(file) if file else None), settings)


@tune.command(context_settings=WITH_SETTINGS, options_metavar="[JOB] [OPTIONS]")
def jobs(
    context: typer.Context,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it is over, or Ctrl-C.")] = False,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="Jobs shown.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> int:
    """Show the queue, or one job with its losses and advice.

    `logicnet tune jobs [JOB]`; takes the flags of `tune serve` too.
    """
    job, settings = job_and_settings(context.args, "jobs [JOB]")

    from logicnet.tuning.tables import show  # noqa: PLC0415

    return show(settings, job or None, follow=follow, last=last, as_json=json)


@tune.command(context_settings=WITH_SETTINGS, options_metavar="JOB [OPTIONS]")
def cancel(context: typer.Context) -> None:
    """End a job that waits or runs: `logicnet tune cancel JOB`."""
    job, settings = job_and_settings(context.args, "cancel JOB")

    from logicnet.tuning.tables import cancel as end  # noqa: PLC0415

    end(settings, job)


@tune.command(context_settings=WITH_SETTINGS, options_metavar="JOB [OPTIONS]")
def logs(
    context: typer.Context,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it is over, or Ctrl-C.")] = False,
) -> None:
    """Print what a job's trainer wrote: `logicnet tune logs JOB`."""
    job, settings = job_and_settings(context.args, "logs JOB")

    from logicnet.tuning.tables import logs as print_log  # noqa: PLC0415

    print_log(settings, job, follow=follow)


@tune.command()
def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Folder for all files.")] = Path(".run/tune-demo"),
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path(".run/model/smollm2"),
    vllm_python: Annotated[Path, typer.Option(help="Python that has vLLM.")] = Path(".venv-vllm/bin/python"),
    python: Annotated[Path, typer.Option(help="Python that has TRL.")] = Path(".venv-tune/bin/python"),
) -> int:
    """Train the demo's model on 200 generated questions, measured before and after.

    `make tune-demo` sets up what that needs.
    """
    from logicnet.operate.demo.tune import TuneStage, run  # noqa: PLC0415

    return run(TuneStage(vllm_python, python, model, folder))


@tune.command(context_settings=WITH_SETTINGS)
@takes(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> int:
    """Measure loss and perplexity of a model, and tell whether it is a fine-tune of another.

    Takes the flags of `tune serve` too.
    """
    settings = settings_of(options.words).settings

    from logicnet.tuning.foreground import evaluate as measure  # noqa: PLC0415

    return measure(options.request(), settings, as_json=options.as_json)
