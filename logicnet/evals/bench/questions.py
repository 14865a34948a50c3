"""The questions of a bench: the same ones for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from logicnet.errors import SettingsError
from logicnet.evals.challenges.recipe import Generated, Recipe, read_recipe
from logicnet.evals.challenges.sets import ChallengeSet, load, make

DEFAULT = Recipe(name="mathgenerator", count=60, sources=[Generated(use="mathgenerator")])
"""Without a recipe: every kind of the generator that the subnet's validators began with."""


def load_questions(
    path: Path | None, count: int | None, seed: int | None, *, skip_bad: bool = False
) -> ChallengeSet:
    """Of a recipe with `count` and `seed` in place of its own; of a file, `count` drawn by `seed`.

    Raises SettingsError and whatever reading challenges raises.
    """
    if path is None or path.suffix.lower() == ".toml":
        recipe = DEFAULT if path is None else read_recipe(path)
        given = {"count": count, "seed": seed}
        changed = {name: value for name, value in given.items() if value is not None}
        folder = Path() if path is None else path.parent
        return make(recipe.model_copy(update=changed), folder, skip_bad=skip_bad)
    found = load(path, skip_bad=skip_bad)
    problems = list({problem.id: problem for problem in found.problems}.values())
    if count is None:
        return replace(found, problems=problems)
    if count > len(problems):
        raise SettingsError(f"--n {count}: {path} has only {len(problems)} different questions")
    drawn = Random(seed or 0).sample(range(len(problems)), count)  # noqa: S311 (no secret)
    # What is drawn from a set is no longer what its recipe makes.
    return replace(found, problems=[problems[place] for place in sorted(drawn)], recipe=None)
