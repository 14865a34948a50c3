"""The flags of `logicnet score`, and those that it shares with an arena and a bench."""

from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import Field, SecretStr, model_validator

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError

ITS_MODEL = "Its model; default: the server's first one."
ITS_KEY = Flag(variable="OPENAI_API_KEY")


class ModelServer(NamedTuple):
    """Where answers, a judge's opinion or a reference come from."""

    url: str
    model: str | None = None  # default: the server's first one
    key: SecretStr | None = None


class ScoringModels(Flags):
    """The models that score. Fields with `exclude` are in no file of a run: keys among them."""

    judge_url: Annotated[str | None, Flag(("--judge-url", "--judge"))] = Field(
        None, description="OpenAI-compatible base URL of a judge."
    )
    judge_model: str | None = Field(None, description=ITS_MODEL)
    judge_key: Annotated[SecretStr | None, ITS_KEY] = Field(None, exclude=True, description="Its API key.")
    embedding_model: str | None = Field(
        None, description="Folder or hub name; default: the installed all-MiniLM-L6-v2."
    )

    @model_validator(mode="after")
    def _models_have_servers(self) -> Self:
        for role in ("judge", "reference"):
            url, model = (getattr(self, f"{role}_{what}", None) for what in ("url", "model"))
            if model is not None and url is None:
                raise SettingsError(f"--{role}-model is for a {role}: give its --{role}-url")
        return self

    @property
    def judge(self) -> ModelServer | None:
        """None: what arithmetic cannot decide stays undecided."""
        if self.judge_url is None:
            return None
        return ModelServer(self.judge_url, self.judge_model, self.judge_key)


class ScoreOptions(ScoringModels):
    """`logicnet score`."""

    file: Annotated[Path, Flag(argument=True)] = Field(description="Answers, one JSON object a line.")
    out: Path | None = Field(None, description="File for the scored lines; default: standard output.")
    skip_bad: bool = Field(False, description="Score the good lines although others are broken.")
    judge_timeout_s: float = Field(60.0, ge=0.1, description="Seconds for one of its replies.")
    judge_at_once: int = Field(8, ge=1, description="Answers that it judges at a time.")
    truth: bool = Field(False, description="Add whether each answer is truly right.")
