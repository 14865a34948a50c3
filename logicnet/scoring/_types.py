"""The verdict on one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

By = Literal["equal", "number", "expression", "rule", "detector", "extraction", "judge", "nobody"]
"""Who decided: equal text (step 1); one number against one (2); two expressions (3); in step 4 a
fixed rule, the detector of tricks, the extraction of a long answer, or the judge. `nobody`: undecided."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A validator's correctness of one answer, in -1..1; None where it is undecided.

    `note` says in one line what was unusual. `failed` is set where the score is a validator's default
    because its model failed, so that no table counts a broken judge as an opinion.
    """

    score: float | None
    by: By
    note: str = ""
    failed: bool = False
