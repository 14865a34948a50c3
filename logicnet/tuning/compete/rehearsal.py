"""What a rehearsal is asked, and what its rows say: champion against challenger in several environments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError
from logicnet.evals.challenges.recipe import Generated, Recipe
from logicnet.evals.challenges.source import GENERATORS
from logicnet.evals.report.estimate import FEWEST
from logicnet.evals.report.summary import RIGHT_FROM, correctness, truth
from logicnet.evals.runs.run import Row
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.options import ITS_KEY, ITS_MODEL, ModelServer
from logicnet.tuning.compete.competitions import EnvironmentResult, MatchResult, Scores

CHAMPION, CHALLENGER = "champion", "challenger"


class RehearseOptions(Flags):
    """`logicnet tune rehearse`."""

    champion: str | None = Field(None, description="OpenAI-compatible base URL of the champion.")
    champion_model: str | None = Field(None, description=ITS_MODEL)
    challenger: str | None = Field(None, description="OpenAI-compatible base URL of your model.")
    challenger_model: str | None = Field(None, description=ITS_MODEL)
    key: Annotated[SecretStr | None, ITS_KEY] = Field(None, description="API key of both servers.")
    environments: Annotated[tuple[str, ...], Flag(("--environments", "--env"), commas=True)] = Field(
        ("reasoning-gym", "mathgenerator"),
        description="Generators, recipes (TOML) and files of questions (JSONL), separated by commas.",
    )
    questions: Annotated[int, Flag(("--n",))] = Field(60, ge=1, description="Questions of an environment.")
    seed: int = Field(0, ge=0, description="Seed of the questions: take one that was never trained on.")
    competition: str = Field("reason-mining", description="Whose rule says who wins.")
    solver: str = Field("direct", description="How both models are asked; `logicnet solvers` lists them.")
    concurrency: int = Field(4, ge=1, description="Questions that a model is given at once.")
    deadline_s: float = Field(LOGIC_TIMEOUT_S, ge=1.0, le=3600.0, description="Seconds for an answer.")
    out: Path | None = Field(None, description="Folder of the rehearsal; default: a new one in .run.")
    resume: bool = Field(False, description="Continue the rehearsal in --out.")

    @field_validator("environments", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        names = [one.strip() for one in given.split(",")] if isinstance(given, str) else list(given)
        if not any(names):
            raise SettingsError(f"--environments is empty: name {', '.join(GENERATORS)}, a recipe or a file")
        return tuple(dict.fromkeys(filter(None, names)))

    def server(self, name: str) -> ModelServer:
        """That of `CHAMPION` or `CHALLENGER`. Raises SettingsError if it was not given."""
        url: str | None = getattr(self, name)
        if url is None:
            raise SettingsError(
                f"--{name} is missing: the base URL of its server, such as http://host:8000/v1"
            )
        return ModelServer(url, getattr(self, f"{name}_model"), self.key)


def generated(name: str, questions: int, seed: int) -> Recipe | None:
    """The recipe of an environment that is a generator: all its kinds, of the split that nobody trains on."""
    if name not in GENERATORS:
        return None
    return Recipe.model_validate(
        {
            "name": name,
            "seed": seed,
            "count": questions,
            "split": "test",
            "sources": [Generated.model_validate({"use": name})],
        }
    )


def scores_of(rows: Mapping[str, Sequence[Row]]) -> tuple[Scores, Scores]:
    """Of champion and challenger, by environment: 1 for a right answer, 0 for a wrong one or silence.

    Questions whose answers nobody can score on both sides are left out. Raises SettingsError if that leaves
    none.
    """
    champion: dict[str, dict[str, float]] = {}
    challenger: dict[str, dict[str, float]] = {}
    for name, found in rows.items():
        old, new = _right(found, CHAMPION), _right(found, CHALLENGER)
        both = old.keys() & new.keys()
        if not both:
            raise SettingsError(f"{name}: no question that both were asked can be scored; ask more: --n")
        champion[name], challenger[name] = ({one: side[one] for one in both} for side in (old, new))
    return champion, challenger


def _right(rows: Sequence[Row], target: str) -> dict[str, float]:
    found = {}
    for row in rows:
        if row.target == target:
            known = truth(row)
            if known is None and (said := correctness(row)) is not None:
                known = float(said >= RIGHT_FROM)
            if known is not None:
                found[row.id] = known
    return found


def proven(result: MatchResult) -> bool:
    """Whether the challenger wins, and in every environment by more than chance."""
    return result.won and all(map(is_proven, result.environments))


def is_proven(result: EnvironmentResult) -> bool:
    """Whether the whole interval of the difference lies above what is needed."""
    found = result.difference
    if found.low is None:  # all differences are equal, or there are too few
        return found.count >= FEWEST and found.mean > result.needed
    return found.low > result.needed
