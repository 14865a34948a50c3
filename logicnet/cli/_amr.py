"""`logicnet tune amr`, the same as `train_mtup.py`."""

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, settings_of
from logicnet.cli._tune import tune
from logicnet.tuning.amr.options import AmrOptions


@tune.command(context_settings=WITH_SETTINGS)
@takes(AmrOptions)
def amr(options: AmrOptions) -> int:
    """Train a model to write AMR graphs of sentences, and score it by SMATCH.

    `python3 train_mtup.py` is the same. Takes the flags of `tune serve` too.
    """
    settings = settings_of(options.words).settings

    from logicnet.tuning.amr.run import run  # noqa: PLC0415

    return run(options, settings)
