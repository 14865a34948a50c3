"""`logicnet tune competitions`, `commit`, `upload`: what is submitted to competitions."""

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, settings_of
from logicnet.cli._tune import tune
from logicnet.tuning.compete.options import CommitOptions, UploadOptions


@tune.command()
def competitions() -> None:
    """List the competitions that models can be submitted to."""
    from logicnet.tuning.compete.commands import list_competitions  # noqa: PLC0415

    list_competitions()


@tune.command(context_settings=WITH_SETTINGS)
@takes(UploadOptions)
def upload(options: UploadOptions) -> int:
    """Publish a model on Hugging Face and commit it on the chain.

    After a failure, the same command goes on from there. Takes the flags of `tune serve` too.
    """
    from logicnet.tuning.compete.commands import upload as publish  # noqa: PLC0415

    return publish(options, settings_of(options.words))


@tune.command(context_settings=WITH_SETTINGS)
@takes(CommitOptions)
def commit(options: CommitOptions) -> int:
    """Show every rule for committing a published model; with --really, commit it.

    Takes the flags of `tune serve` too.
    """
    from logicnet.tuning.compete.commands import commit as send  # noqa: PLC0415

    return send(options, settings_of(options.words))
