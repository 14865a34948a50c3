"""From a problem to the checker that `logicnet.scoring` runs in its worker."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from logicnet.errors import SettingsError
from logicnet.evals.challenges.checks import CHECKS
from logicnet.evals.challenges.problem import Problem
from logicnet.scoring.truth import Checker

GYM = "gym"
"""The check that is reasoning-gym's own."""

_MODULE = "logicnet.evals.challenges.checks"
_GYM_MODULE = "logicnet.evals.challenges._gym_check"  # by name only: it imports reasoning_gym


def checker_of(problem: Problem) -> Checker | None:
    """The checker of a problem for `TruthTeller.tell`; None if it has none."""
    check = problem.check
    if check is None:
        return None
    function = f"{_GYM_MODULE}:right" if check.by == GYM else CHECKS[check.by]
    return Checker(function, {"truth": problem.truth, **check.arguments})


def checker_modules(problems: Iterable[Problem]) -> tuple[str, ...]:
    """What a `TruthTeller` for these problems is made with.

    Raises SettingsError if a checker of reasoning-gym is needed and that is not installed.
    """
    if GYM not in {problem.check.by for problem in problems if problem.check is not None}:
        return (_MODULE,)
    if importlib.util.find_spec("reasoning_gym") is None:
        raise SettingsError(
            "some of these questions are checked by reasoning-gym: pip install 'logicnet[challenges]'"
        )
    return (_MODULE, _GYM_MODULE)
