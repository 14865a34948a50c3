"""`logicnet score`."""

from __future__ import annotations

from logicnet.cli._flags import takes
from logicnet.scoring.options import ScoreOptions


@takes(ScoreOptions)
def command(options: ScoreOptions) -> None:
    """Score answers as a validator would: add correctness, similarity and reward to each line."""
    from logicnet.scoring.file import run  # noqa: PLC0415

    run(options)
