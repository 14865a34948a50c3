"""Solutions that no model wrote."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.recipe import read_recipe
from logicnet.evals.challenges.sets import draw_by_kind, in_split, kinds_of
from logicnet.tuning.improve.practice import open_checks
from logicnet.tuning.improve.worked import worked_program

EASY = Path(__file__).parents[4] / "recipes/easy.toml"


@pytest.mark.thorough
async def test_worked_programs_print_what_the_checkers_want():
    recipe = read_recipe(EASY)
    drawn = draw_by_kind(recipe, dict.fromkeys(kinds_of(recipe), 5), EASY.parent)
    assert sum(map(len, drawn.values())) > 100
    assert all(in_split(one.question, "train") for problems in drawn.values() for one in problems)
    found = {}
    async with AsyncExitStack() as stack:
        checks = await open_checks(stack, [one for problems in drawn.values() for one in problems])
        for kind, problems in drawn.items():
            for one in problems:
                if (program := worked_program(one)) is not None:
                    _, right, error = await checks.read("program", program, one)
                    found[kind] = found.get(kind, True) and right
                    assert right, (kind, one.question, program, error)
    assert len(found) >= 14


@pytest.mark.parametrize(
    "problem",
    [
        Problem("How many legs?", "4", kind="leg_counting"),
        Problem("How many letters?", "4", kind="letter_counting"),
        Problem("What is the volume?", "4", kind="volume_cuboid"),
        Problem("What is 3 + 4?", "7", kind="no such kind"),
    ],
    ids=lambda one: one.kind,
)
def test_what_a_rule_cannot_read_has_no_program(problem: Problem):
    assert worked_program(problem) is None
