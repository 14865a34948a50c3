"""`logicnet score`."""

from logicnet.cli._flags import takes
from logicnet.scoring.options import ScoreOptions


@takes(ScoreOptions)
def command(options: ScoreOptions) -> None:
    """Score a file of answers as a validator would.

    Each line comes back with correctness, similarity and reward.
    """
    from logicnet.scoring.file import run  # noqa: PLC0415

    run(options)
