"""Where questions come from: sources, recipes that mix them, and sets that are the same everywhere."""

from logicnet._util.jsonl import BadFile
from logicnet.evals.challenges.checking import checker_modules, checker_of
from logicnet.evals.challenges.easy import easy_tasks
from logicnet.evals.challenges.problem import AnswerCheck, Problem
from logicnet.evals.challenges.recipe import Recipe, read_recipe
from logicnet.evals.challenges.sets import ChallengeSet, load, make, write

__all__ = [
    "AnswerCheck",
    "BadFile",
    "ChallengeSet",
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
