import sys

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.challenges.checks import checker_modules, checker_of
from logicnet.evals.challenges.mathgenerator import Mathgenerator
from logicnet.evals.challenges.problem import AnswerCheck, Problem
from logicnet.evals.challenges.reasoning_gym import ReasoningGym
from logicnet.scoring.truth import TruthTeller


@pytest.mark.thorough
async def test_the_worker_of_scoring_runs_every_kind_of_check():
    gym = ReasoningGym()
    puzzle = gym.draw("knights_knaves", 1)
    number = Problem("What is 24+48?", "72", check=AnswerCheck("number_is"))
    plain = Problem("Differentiate x^2.", "$2x$")
    problems = [puzzle, number, plain]

    async with TruthTeller(*checker_modules(problems), timeout_s=60) as teller:

        async def right(problem, answer):
            return (await teller.tell(problem.truth, answer, checker_of(problem))).right

        assert await right(number, "It is 72.") is True
        assert await right(number, "It is 73.") is False
        assert await right(plain, "2*x") is True
        assert await right(puzzle, puzzle.truth) is True
        first, second = puzzle.truth.strip(".").split(", and ")
        assert await right(puzzle, f"{second}, and {first}.") is True  # the order does not matter to it
        assert await right(puzzle, "Nobody is anything") is False


def test_reasoning_gym_is_only_loaded_where_its_own_checkers_are_needed():
    number = Problem("What is 24+48?", "72", check=AnswerCheck("number_is"))
    assert checker_modules([number, Problem("?", "!")]) == ("logicnet.evals.challenges.checks",)


def test_a_package_that_is_not_installed_is_named_with_its_remedy(monkeypatch):
    for name in ("mathgenerator", "reasoning_gym.factory"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "reasoning_gym" else ...)
    checked_by_it = Problem("?", "!", check=AnswerCheck("gym"))
    for needs in (Mathgenerator, ReasoningGym, lambda: checker_modules([checked_by_it])):
        with pytest.raises(SettingsError, match=r"pip install 'logicnet\[challenges\]'"):
            needs()
