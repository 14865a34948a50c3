"""Champion against challenger on the same samples."""

import math
from collections.abc import Mapping

from logicnet.errors import TuningError
from logicnet.evals.report.estimate import mean_of
from logicnet.tuning.compete.competitions import EnvironmentResult, Scores


def paired(
    champion: Scores, challenger: Scores, name: str
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The scores of both in one environment. Raises TuningError unless both have the same samples."""
    old, new = champion.get(name) or {}, challenger.get(name) or {}
    if not old or set(old) != set(new):
        raise TuningError(
            f"{name}: champion and challenger must have the same samples: {len(old)} and {len(new)}, "
            f"{len(set(old) & set(new))} of them the same"
        )
    return old, new


def environment_result(
    name: str,
    champion: Mapping[str, float],
    challenger: Mapping[str, float],
    *,
    needed: float,
    win_rate: float,
    won: bool,
) -> EnvironmentResult:
    """With the paired interval of the differences; the samples are the same."""
    difference = mean_of([challenger[one] - champion[one] for one in champion])
    if difference is None:
        raise TuningError(f"{name}: no sample has a finite score on both sides")
    return EnvironmentResult(
        name,
        champion=math.fsum(champion.values()) / len(champion),
        challenger=math.fsum(challenger.values()) / len(challenger),
        difference=difference,
        needed=needed,
        win_rate=win_rate,
        won=won,
    )
