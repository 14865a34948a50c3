"""The flags and the saved plan of `logicnet bench`."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from logicnet._util.flags import Flag, require_file
from logicnet.errors import SettingsError
from logicnet.evals.challenges.recipe import Generated, Recipe, changed, read_recipe
from logicnet.evals.challenges.sets import ChallengeSet, load, make
from logicnet.evals.runs.plan import RunPlan
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.options import ITS_KEY, ITS_MODEL, ModelServer


class BenchPlan(RunPlan):
    """See the module."""

    kind: Literal["bench"] = "bench"
    solvers: Annotated[tuple[str, ...], Flag(commas=True)] = Field(
        ("race", "direct"), description="Names of solvers or Python files, separated by commas."
    )
    challenges: Path | None = Field(
        None, description="Recipe or file of questions; default: every kind of mathgenerator."
    )
    questions: Annotated[int | None, Flag(("--n",))] = Field(
        None, ge=1, description="Number of questions; default: the recipe's."
    )
    seed: int | None = Field(None, ge=0, description="Seed of the questions; default: the recipe's.")
    concurrency: int = Field(4, ge=1, description="Questions that a solver is given at once.")
    deadline_s: float = Field(LOGIC_TIMEOUT_S, ge=1.0, le=3600.0, description="Seconds for an answer.")
    endpoint: str = Field(
        "http://127.0.0.1:8000/v1", description="OpenAI-compatible base URL of the model server."
    )
    model: str | None = Field(None, description=ITS_MODEL)
    key: Annotated[SecretStr | None, ITS_KEY] = Field(None, exclude=True, description="Its API key.")
    similarity: bool = Field(
        True, description="Compare reasoning; the model of --endpoint writes references if no other does."
    )

    wire: str = Field("logicnet", description="The subnet whose reward an answer gets; see docs/wires.md.")

    @field_validator("solvers", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        names = [one.strip() for one in given.split(",")] if isinstance(given, str) else list(given)
        if not any(names):
            raise SettingsError("--solvers is empty: name at least one; `logicnet solvers` lists them")
        return tuple(filter(None, names))

    @model_validator(mode="after")
    def _references_are_compared(self) -> Self:
        if self.reference_url is not None and not self.similarity:
            raise SettingsError(
                "--reference-url is for comparing reasoning, which --no-similarity switches off for this run"
            )
        return self

    @property
    def answers(self) -> ModelServer:
        """The server that the solvers ask."""
        return ModelServer(self.endpoint, self.model, self.key)

    @property
    def reference(self) -> ModelServer | None:
        """The model of the solvers writes the references if no other does."""
        return (super().reference or self.answers) if self.similarity else None


DEFAULT = Recipe(name="mathgenerator", count=60, sources=[Generated(use="mathgenerator")])
"""Without a recipe: every kind of the generator that the subnet's validators began with."""


def load_questions(
    path: Path | None, count: int | None, seed: int | None, *, skip_bad: bool = False
) -> ChallengeSet:
    """Of a recipe with this `count` and `seed`; of a file, `count` drawn by `seed`. Raises LogicnetError."""
    if path is not None:
        require_file("--challenges", path)
    if path is None or path.suffix.lower() == ".toml":
        recipe = changed(read_recipe(path) if path else DEFAULT, path or Path("--n"), count=count, seed=seed)
        return make(recipe, path.parent if path else Path(), skip_bad=skip_bad)
    found = load(path, skip_bad=skip_bad)
    problems = list({problem.id: problem for problem in found.problems}.values())
    if count is None:
        return replace(found, problems=problems)
    if count > len(problems):
        raise SettingsError(f"--n {count}: {path} has only {len(problems)} different questions")
    drawn = Random(seed or 0).sample(range(len(problems)), count)  # noqa: S311 (no secret)
    # What is drawn from a set is no longer what its recipe makes.
    return replace(found, problems=[problems[place] for place in sorted(drawn)], recipe=None)
