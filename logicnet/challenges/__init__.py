"""Where questions come from: sources, recipes that mix them, and sets that are the same everywhere."""

from logicnet.challenges.checking import checker_modules, checker_of
from logicnet.challenges.easy import easy_tasks
from logicnet.challenges.lines import BadFile
from logicnet.challenges.problem import Check, Problem
from logicnet.challenges.recipe import Recipe, read_recipe
from logicnet.challenges.sets import ChallengeSet, load, make, write

__all__ = [
    "BadFile",
    "ChallengeSet",
    "Check",
    "Problem",
    "Recipe",
    "checker_modules",
    "checker_of",
    "easy_tasks",
    "load",
    "make",
    "read_recipe",
    "write",
]
