"""The flags of `logicnet tune improve`; a round keeps them as its plan."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from logicnet._util.flags import Flags, require_file
from logicnet.errors import SettingsError
from logicnet.evals.bench.plan import DEFAULT
from logicnet.evals.challenges.recipe import Recipe, changed, read_recipe
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.options import ITS_KEY, ITS_MODEL, ModelServer
from logicnet.tuning.improve.rounds import LoopBudget


class ImproveOptions(Flags):
    """Its `words` are settings. Fields with `exclude` may change while a round is under way."""

    words: tuple[str, ...] = Field((), exclude=True)
    model: str | None = Field(
        None, description="Folder of the model, or its name on the hub; default: as the server says."
    )
    challenges: Path | None = Field(
        None, description="Recipe of the questions; default: every kind of mathgenerator."
    )
    rounds: int = Field(1, ge=1, exclude=True, description="Rounds at most.")
    questions: int = Field(256, ge=8, le=100_000, description="Questions to practise in a round.")
    samples: int = Field(4, ge=1, le=64, description="Samples of each prompt.")
    temperature: float = Field(0.7, ge=0.0, le=2.0, description="Of the samples.")
    proof_questions: int = Field(
        240, ge=10, le=100_000, description="Questions that a candidate is proven on."
    )
    seed: int | None = Field(None, ge=0, description="Seed of the questions; default: the recipe's.")
    most_lessons: int | None = Field(None, ge=2, description="Lessons to train on at most.")
    concurrency: int = Field(4, ge=1, description="Questions asked at once in the proof.")
    deadline_s: float = Field(LOGIC_TIMEOUT_S, ge=1.0, le=3600.0, description="Seconds for an answer there.")
    similarity: bool = Field(True, description="Compare reasoning there.")
    form: Literal["auto", "adapter", "merged"] = Field(
        "auto",
        description="How a candidate is served; auto: merged if an adapter costs a tenth of the speed.",
    )
    vllm_python: Path | None = Field(
        None, exclude=True, description="Python that has vLLM, to serve merged candidates for their proof."
    )
    vllm_flags: str = Field("", exclude=True, description="Flags for that vLLM, in one word.")
    epochs: float | None = Field(None, gt=0, description="Passes over the lessons.")
    batch_size: int | None = Field(None, ge=1, description="Lessons at once.")
    lr: float | None = Field(None, gt=0, description="Learning rate.")
    max_length: int | None = Field(None, ge=16, description="Tokens of a lesson.")
    teacher_url: str | None = Field(
        None,
        exclude=True,
        description="OpenAI-compatible base URL of a stronger model, for what is not solved.",
    )
    teacher_model: str | None = Field(None, exclude=True, description=ITS_MODEL)
    teacher_key: Annotated[SecretStr | None, ITS_KEY] = Field(None, exclude=True, description="Its API key.")
    teacher_tokens: int | None = Field(None, ge=1, exclude=True, description="Tokens that it may write.")
    hours: float | None = Field(None, gt=0, exclude=True, description="Hours after which no round begins.")
    disk_gb: float | None = Field(None, gt=0, exclude=True, description="Gigabytes for rounds and adapters.")
    swap: bool = Field(True, exclude=True, description="Serve what is proven.")

    @model_validator(mode="after")
    def _teacher_has_a_server(self) -> Self:
        if self.teacher_url is None and (self.teacher_model or self.teacher_tokens):
            raise SettingsError(
                "--teacher-model and --teacher-tokens are for a teacher: give its --teacher-url"
            )
        return self

    @property
    def base(self) -> str:
        """What is trained. Raises SettingsError."""
        if self.model is None:
            raise SettingsError("--model is missing: the folder of the served model, or its name on the hub")
        return self.model

    @property
    def teacher(self) -> ModelServer | None:
        if self.teacher_url is None:
            return None
        return ModelServer(self.teacher_url, self.teacher_model, self.teacher_key)

    @property
    def budget(self) -> LoopBudget:
        return LoopBudget(self.rounds, self.hours, self.disk_gb, self.teacher_tokens)

    def recipe(self, split: Literal["train", "test"], seed: int, count: int | None = None) -> Recipe:
        """The recipe's questions of a split, by another seed. Raises SettingsError."""
        path = self.challenges
        if path is not None:
            require_file("--challenges", path)
        found = read_recipe(path) if path is not None else DEFAULT
        return changed(found, path or Path("--challenges"), split=split, seed=seed, count=count)

    @property
    def folder(self) -> Path:
        """Where the files of the recipe are looked for."""
        return self.challenges.parent if self.challenges is not None else Path()

    def overrides(self) -> dict[str, Any]:
        """Of the trainer's plan."""
        given = {
            "epochs": self.epochs,
            "batch": self.batch_size,
            "lr": self.lr,
            "max_length": self.max_length,
        }
        return {name: value for name, value in given.items() if value is not None}
