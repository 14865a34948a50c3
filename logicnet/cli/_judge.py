"""`logicnet tune judge`: a validator's task."""

from pathlib import Path

from logicnet.cli._flags import takes
from logicnet.cli._settings import own_words, settings_of
from logicnet.errors import SettingsError
from logicnet.tuning.judging.options import JudgeOptions


@takes(JudgeOptions)
def judge(options: JudgeOptions) -> int:
    """Split a dataset, hand a part to miners, rank what they train by the part that was kept.

    `logicnet tune judge TASK`: a folder; the same goes on with it. Exit status 1 while it waits for miners.
    Takes the flags of `tune serve` too.
    """
    own, flags = own_words(options.words)
    if len(own) != 1:
        raise SettingsError("TASK, one folder, is missing: logicnet tune judge TASK --dataset ...")
    settings = settings_of(flags).settings

    from logicnet.tuning.judging.judging import run  # noqa: PLC0415

    return run(Path(own[0]), options, settings)
