"""What a rehearsal is asked, and what its rows say: champion against challenger in several environments."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError
from logicnet.evals.challenges.recipe import Generated, Recipe
from logicnet.evals.challenges.source import GENERATORS
from logicnet.evals.report.estimate import FEWEST, Estimate, mean_of, mean_of_differences
from logicnet.evals.report.summary import correctness, truth
from logicnet.evals.runs.run import Row
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.options import ITS_KEY, ITS_MODEL, ModelServer

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
    margin: float = Field(
        0.01, ge=0, lt=1, description="Share of right answers by which the challenger must lead everywhere."
    )
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


@dataclass(frozen=True)
class EnvironmentResult:
    """Shares of right answers in one environment, and their difference question by question."""

    name: str
    champion: Estimate
    challenger: Estimate
    difference: Estimate  # challenger less champion
    margin: float

    @property
    def leads(self) -> bool:
        """Whether a validator that asked these very questions would see the challenger ahead."""
        return self.difference.mean > self.margin

    @property
    def proven(self) -> bool:
        """Whether the lead is more than chance: its whole interval lies above the margin."""
        if self.difference.low is None:  # all differences are equal, or there are too few
            return self.leads and self.difference.count >= FEWEST
        return self.difference.low > self.margin

    @property
    def verdict(self) -> str:
        if self.proven:
            return "wins"
        return "leads, not proven" if self.leads else "loses"


@dataclass(frozen=True)
class Rehearsal:
    """The challenger takes the title only where it wins everywhere."""

    environments: Sequence[EnvironmentResult]

    @property
    def proven(self) -> bool:
        return bool(self.environments) and all(one.proven for one in self.environments)

    @property
    def fields(self) -> dict[str, Any]:
        """For `rehearsal.json`."""
        return {
            "proven": self.proven,
            "environments": [
                asdict(one) | {"leads": one.leads, "proven": one.proven} for one in self.environments
            ],
        }


def judged(rows: Mapping[str, Sequence[Row]], margin: float) -> Rehearsal:
    """The result of the rows of each environment. Raises SettingsError where nothing can be compared."""
    return Rehearsal([_judged(name, found, margin) for name, found in rows.items()])


def _judged(name: str, rows: Sequence[Row], margin: float) -> EnvironmentResult:
    right = {
        target: {row.id: value for row in rows if row.target == target and (value := _right(row)) is not None}
        for target in (CHAMPION, CHALLENGER)
    }
    champion, challenger = (mean_of([*right[target].values()]) for target in (CHAMPION, CHALLENGER))
    difference = mean_of_differences(right[CHALLENGER], right[CHAMPION])
    if champion is None or challenger is None or difference is None:
        raise SettingsError(f"{name}: no question was answered by both and can be scored; ask more: --n")
    return EnvironmentResult(name, champion, challenger, difference, margin)


def _right(row: Row) -> float | None:
    """1 for a right answer, 0 for a wrong one or silence; None where nobody can say."""
    known = truth(row)
    if known is None and (said := correctness(row)) is not None:
        known = float(said >= 0.5)
    return known
