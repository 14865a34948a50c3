"""The flags of `logicnet tune judge`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from logicnet._util.flags import Flag
from logicnet.errors import SettingsError
from logicnet.scoring.options import ITS_KEY, ModelServer
from logicnet.tuning.options import DatasetOptions, parsed
from logicnet.tuning.spec import MOST_HOURS, TrainSpec


class JudgeOptions(DatasetOptions):
    """`logicnet tune judge`. Most of them make a task; one that is there keeps what it was made with."""

    miners: Path | None = Field(None, description="TOML file of the miners: name, url and token of each.")
    hours: float = Field(1.0, gt=0, le=MOST_HOURS, description="Time for the miners.")
    group_size: int = Field(4, ge=1, le=64, description="Miners that get the task.")
    test_share: float = Field(0.1, gt=0, le=0.5, description="Share of the rows that is kept; 400 at most.")
    synthetic: Path | None = Field(
        None, description="File of rows like the dataset's, as its recipe makes them anew; never published."
    )
    endpoint: str | None = Field(
        None, description="OpenAI-compatible base URL of a model that rewords the test; default: by rules."
    )
    endpoint_model: str | None = Field(None, description="Its model; default: the server's first one.")
    endpoint_key: Annotated[SecretStr | None, ITS_KEY] = Field(None, exclude=True, description="Its API key.")
    train_at: str | None = Field(
        None, description="http(s) address or hub dataset where miners of other machines get train.jsonl."
    )
    seed: int | None = Field(None, ge=0, lt=2**32, description="Seed; default: a secret one.")
    wait: Annotated[bool, Flag(("--wait",))] = Field(
        False, description="Wait for submissions until the deadline."
    )
    close: Annotated[bool, Flag(("--close",))] = Field(
        False, description="Judge now, although miners that are missing have time left."
    )

    def check_new(self) -> None:
        """Raise SettingsError unless these make a task."""
        self.spec()
        if self.miners is None:
            raise SettingsError("--miners is missing: a new task needs a file that names its miners")
        if self.endpoint is not None and self.synthetic is not None:
            raise SettingsError("--endpoint and --synthetic are both given: rows are reworded, or made anew")

    def spec(self) -> TrainSpec:
        """What names the rows. Raises SettingsError that names the flag."""
        given = self._rows_named()
        for name in ("model", "dataset"):
            if not given.get(name):
                raise SettingsError(f"--{name} is missing: the task is new")
        found = parsed(TrainSpec, given, None)
        if found.task not in ("sft", "pretrain", "chat", "dpo"):
            raise SettingsError(f"--dataset-type: submissions of {found.task} are not judged by their loss")
        return found

    @property
    def rewording(self) -> ModelServer | None:
        if self.endpoint is None:
            return None
        return ModelServer(self.endpoint, self.endpoint_model, self.endpoint_key)

    @property
    def makes(self) -> tuple[str, ...]:
        """The flags given that only a new task takes."""
        judging = {"words", "wait", "close", "train_at", "miners", "endpoint_key"}
        return tuple(self.flag(name).names[0] for name in sorted(self.model_fields_set - judging))
