"""A recipe: which questions, how many of each, from which seed. A TOML file.

    name = "easy"
    seed = 35
    count = 120
    split = "test"                # all (if not given), train or test

    [[sources]]
    use = "mathgenerator"         # or reasoning-gym
    kinds = ["addition", "geometry"]   # kinds or topics; all if not given
    weight = 3                    # of the count, against the other sources; 1 if not given

    [[sources]]
    use = "reasoning-gym"
    difficulty = 1                # level from 0; a kind that has fewer gives its hardest

    [[sources]]
    use = "file"
    path = "gsm8k.jsonl"          # from the recipe's folder
    skip_bad = true

A question is in `test` or in `train` by its own text, a fifth and four fifths of all, whatever the
recipe: what is tuned on the one is measured on the other.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError
from logicnet.evals.challenges.source import GENERATORS

Split = Literal["all", "train", "test"]

MOST = 100_000  # questions of one set: it is held in memory


class _RecipePart(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Part(_RecipePart):
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0


class Generated(_Part):
    use: Literal["mathgenerator", "reasoning-gym"]
    kinds: list[str] = []
    difficulty: Annotated[int, Field(ge=0, le=10)] = 0


class FromFile(_Part):
    use: Literal["file"]
    path: Annotated[str, StringConstraints(min_length=1)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    skip_bad: bool = False


class Recipe(_RecipePart):
    """See the module."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    count: Annotated[int, Field(ge=1, le=MOST)]
    split: Split = "all"
    sources: Annotated[list[Annotated[Generated | FromFile, Field(discriminator="use")]], Field(min_length=1)]


_TAKES = {
    "name": "a text of 1 to 80 characters",
    "seed": "a whole number from 0",
    "count": f"a whole number from 1 to {MOST}",
    "split": "all, train or test",
    "sources": "one or more tables [[sources]]",
    "use": "mathgenerator, reasoning-gym or file",
    "weight": "a number above 0",
    "kinds": "a list of kinds or topics; `logicnet challenges list` shows them",
    "difficulty": "a whole number from 0 to 10",
    "path": "a JSONL file, from the recipe's folder",
    "sha256": "64 hexadecimal digits, of the file's bytes",
    "skip_bad": "true or false",
}


def read_recipe(path: Path) -> Recipe:
    """Raises SettingsError: one line with the file, the key and what it takes."""
    return recipe_from(parse(read(path, str(path)), str(path)), path)


def recipe_from(fields: dict[str, Any], path: Path) -> Recipe:
    """A recipe from its keys; `path` is for messages. Raises SettingsError."""
    recipe = validate(Recipe, fields, str(path), _TAKES)
    for number, part in enumerate(recipe.sources, start=1):
        if isinstance(part, Generated):
            _check_kinds(part, f"{path}: source {number}, kinds")
    return recipe


def changed(recipe: Recipe, path: Path, **keys: Any) -> Recipe:
    """The recipe with other values for some keys; None leaves one. Raises SettingsError."""
    other = {key: value for key, value in keys.items() if value is not None}
    return recipe_from(recipe.model_dump(exclude_unset=True) | other, path)


def _check_kinds(part: Generated, where: str) -> None:
    catalogue = GENERATORS[part.use]
    for name in part.kinds:
        if name in catalogue.left_out:
            raise SettingsError(f"{where}: {name!r} is left out: {catalogue.left_out[name]}")
        if name not in catalogue.names():
            near = difflib.get_close_matches(name, catalogue.names(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`logicnet challenges list` shows all"
            raise SettingsError(f"{where}: {name[:60]!r} is no kind or topic of {part.use}; {hint}")
