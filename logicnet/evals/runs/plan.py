"""The plan of a run: the flags of its command, its `run.json`, and what `--resume` compares."""

import time
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, SecretStr, model_validator

from logicnet._util.flags import Flag
from logicnet.errors import SettingsError
from logicnet.scoring.options import ITS_KEY, ITS_MODEL, ModelServer, ScoringModels


class RunPlan(ScoringModels):
    """What an arena and a bench share. Fields with `exclude` come from the command line only."""

    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset(
        {"judge_url", "judge_model", "reference_url", "reference_model"}
    )
    MAY_CHANGE_IN_WORDS: ClassVar[str] = "the models that score"

    format: Literal[2] = 2
    reference_url: Annotated[str | None, Flag(("--reference-url", "--reference-endpoint"))] = Field(
        None, description="OpenAI-compatible base URL of a model to compare reasoning with."
    )
    reference_model: str | None = Field(None, description=ITS_MODEL)
    reference_key: Annotated[SecretStr | None, ITS_KEY] = Field(
        None, exclude=True, description="Its API key."
    )
    skip_bad: bool = Field(False, exclude=True, description="Leave out broken lines of --challenges.")
    out: Path | None = Field(None, exclude=True, description="Folder of the run; default: a new one in .run.")
    resume: bool = Field(False, exclude=True, description="Continue the run in --out.")

    @model_validator(mode="after")
    def _is_resumed_from_somewhere(self) -> Self:
        if self.resume and self.out is None:
            raise SettingsError("--resume needs the --out of the run to continue")
        return self

    @property
    def reference(self) -> ModelServer | None:
        """None: reasoning is not compared."""
        if self.reference_url is None:
            return None
        return ModelServer(self.reference_url, self.reference_model, self.reference_key)

    @property
    def path(self) -> Path:
        """Where the run is, once that is decided."""
        assert self.out is not None
        return self.out

    def folder(self, kind: str) -> Path:
        """`out`, or a new folder named by the time."""
        return self.out or Path(".run") / f"{kind}-{time.strftime('%Y%m%dT%H%M%S')}"

    def resumed(self, before: Self) -> Self:
        """`before`, with the given fields that may change. Raises SettingsError for another difference."""
        fields = type(self).model_fields
        now = {name: getattr(self, name) for name, field in fields.items() if field.exclude}
        given = {name: getattr(self, name) for name in fields if name in self.model_fields_set - now.keys()}
        for name, value in given.items():
            if name not in self.MAY_CHANGE and value != getattr(before, name):
                flag, free = self.flag(name).names[0], self.MAY_CHANGE_IN_WORDS
                raise SettingsError(
                    f"{flag} differs from that of the run; leave it out, or begin a new run "
                    f"(only {free} may change)"
                )
        for role in ("judge", "reference"):
            if f"{role}_url" in given:  # another server has other models
                given.setdefault(f"{role}_model", None)
        return self.parse(before.model_dump() | now | given)


AnyPlan = TypeVar("AnyPlan", bound=RunPlan)
