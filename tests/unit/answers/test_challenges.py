"""The truths of all our kinds of questions survive being read and sent."""

from pathlib import Path

import pytest

from logicnet.answers import normal_form
from logicnet.evals.challenges.checks import checker_modules, checker_of
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.recipe import recipe_from
from logicnet.evals.challenges.sets import make
from logicnet.scoring.correctness import by_text
from logicnet.scoring.truth import TruthTeller

GENERATED = [
    {"use": "mathgenerator", "weight": 5},
    {"use": "reasoning-gym", "weight": 3},
    {"use": "reasoning-gym", "weight": 3, "difficulty": 1},
]
COUNT = 330  # two or three of each kind

TO_THE_JUDGE = {
    "fraction_multiplication": "LaTeX, and its truths are not reduced",
    "divide_fractions": "the same",
    "dice_sum_probability": "LaTeX for a question without any",
    "stationary_points": "LaTeX in braces",
    "basic_trigonometry": "LaTeX",
    "fraction_simplification": "LaTeX within dollars",
    "knights_knaves": "sentences, with a full stop",
}
"""Kinds of which some truths are compared by a judge alone, unless an answer is their very text."""


def problems() -> list[Problem]:
    fields = {"name": "all", "seed": 71, "count": COUNT, "sources": GENERATED}
    return make(recipe_from(fields, Path("all.toml"))).problems


@pytest.mark.thorough
async def test_a_truth_in_its_form_is_right_and_scores_as_such() -> None:
    drawn = problems()
    wrong = []
    async with TruthTeller(*checker_modules(drawn), timeout_s=60) as teller:
        for problem in drawn:
            found = normal_form(problem.truth, problem.question)
            if found is None:
                wrong.append((problem.kind, problem.truth, None))
                continue
            score = by_text(problem.truth, found.text).score
            undecided = score is None and problem.kind in TO_THE_JUDGE
            told = await teller.tell(problem.truth, found.text, checker_of(problem))
            itself = await teller.tell(problem.truth, problem.truth, checker_of(problem))
            fair = told.right is True or itself.right is not True
            if not fair or not (undecided or (score is not None and score > 0.99)):
                wrong.append((problem.kind, problem.truth, found.text))
    assert not wrong
    assert len({problem.kind for problem in drawn}) > 120
