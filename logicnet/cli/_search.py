"""`logicnet tune search`."""

from pathlib import Path

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS
from logicnet.cli._tune import job_and_settings, tune
from logicnet.tuning.search.options import SearchOptions


@tune.command(context_settings=WITH_SETTINGS, options_metavar="[JOB.toml] [OPTIONS]")
@takes(SearchOptions)
def search(options: SearchOptions) -> int:
    """Search learning rate, rank and other numbers; the lowest held-out loss wins.

    `logicnet tune search [JOB.toml] [--flag value]...`; the same command goes on after Ctrl-C. Takes the
    flags of `tune serve` too.
    """
    file, settings = job_and_settings(options.words, "search [JOB.toml]")

    from logicnet.tuning.search.foreground import run  # noqa: PLC0415

    return run(options, options.spec(Path(file) if file else None), settings)
