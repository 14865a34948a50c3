"""`logicnet tune judge`: a validator's task."""

from itertools import takewhile
from pathlib import Path

from logicnet.cli._flags import takes
from logicnet.cli._settings import settings_of
from logicnet.errors import SettingsError
from logicnet.tuning.judging.options import JudgeOptions


@takes(JudgeOptions)
def judge(options: JudgeOptions) -> int:
    """Judge what miners make of a dataset: `logicnet tune judge TASK`, a folder; go on with the same.

    Splits the dataset, hands its train part out, collects models, ranks them by what was kept; exit status 1
    while it waits. Takes the flags of `tune serve` too.
    """
    own = list(takewhile(lambda word: not word.startswith("-"), options.words))
    if len(own) != 1:
        raise SettingsError("TASK, one folder, is missing: logicnet tune judge TASK --dataset ...")
    settings = settings_of(options.words[1:]).settings

    from logicnet.tuning.judging.judging import run  # noqa: PLC0415

    return run(Path(own[0]), options, settings)
