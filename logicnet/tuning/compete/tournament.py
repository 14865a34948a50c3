"""A task of a tournament, in the words of G.O.D.'s validators: the flags of `logicnet tune trainer`.

They build the repository's docker file and run it without network, with these arguments. Model and dataset
lie in /cache, where nothing is written; the result is expected in /app/checkpoints. Source: rayonlabs/G.O.D,
docs/tourn_miner.md and trainer/constants.py at 2eb295d3.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.options import parsed
from logicnet.tuning.spec import TrainSpec

GOD = "https://raw.githubusercontent.com/rayonlabs/G.O.D/main"

_TASKS = {"InstructTextTask": "sft", "ChatTask": "chat", "DpoTask": "dpo", "GrpoTask": "grpo"}
_IMAGE_FAMILIES = ("sdxl", "flux")
_REWARD_FIELDS = ("reward_func", "reward_weight", "func_hash", "is_generic")


class TournamentTask(Flags):
    """One task, in a validator's words. Its `words` are settings."""

    words: tuple[str, ...] = ()
    task_id: str | None = Field(None, description="The task's id.")
    model: str | None = Field(None, description="Name on the hub; its folder is /cache/models/MAKER--MODEL.")
    dataset: str | None = Field(
        None, description="Address of the rows; they are in /cache/datasets/TASK_train_data.json."
    )
    dataset_type: str | None = Field(None, description="Columns of the rows, JSON.")
    task_type: str | None = Field(None, description="InstructTextTask, ChatTask, DpoTask or GrpoTask.")
    file_format: str = Field("json", description="Format that the rows had where they came from.")
    dataset_zip: str | None = Field(
        None, description="Address of the pictures; they are in /cache/datasets/TASK_tourn.zip."
    )
    model_type: str | None = Field(None, description="sdxl or flux: the task is one of images.")
    trigger_word: str | None = Field(None, description="Accepted; the captions hold it.")
    expected_repo_name: str | None = Field(None, description="Folder of the result, below the task's.")
    hours_to_complete: float | None = Field(None, gt=0, description="Time limit.")
    root: Annotated[Path, Flag(("--root",), variable="TOURNAMENT_ROOT")] = Field(
        Path("/"), description="Folder that cache and app are in."
    )

    @property
    def images(self) -> bool:
        return self.model_type is not None or self.dataset_zip is not None

    @property
    def out(self) -> Path:
        return self.root / "app" / "checkpoints" / self._part("task_id") / self._part("expected_repo_name")

    def spec(self) -> TrainSpec:
        """Raises SettingsError that names the argument, TuningError for a file that is not in the cache."""
        cache = self.root / "cache"
        task = self._part("task_id")
        name = self._given("model")
        model = cache / "models" / name.replace("/", "--")
        rows = cache / "datasets" / (f"{task}_tourn.zip" if self.images else f"{task}_train_data.json")
        for path, what in ((model, "model"), (rows, "dataset")):
            if not path.exists():
                raise TuningError(f"the {what} of task {task} is not in the cache: {path} does not exist")
        kind = None if self.images else self._one_of("task_type", _TASKS)
        spec = parsed(
            TrainSpec,
            {
                "model": str(model),
                "model_name": name,
                "dataset": str(rows),
                "dataset_type": self._columns() if kind else {"image_family": self._family()},
                "file_format": "json",  # the validator's downloader has made it so
                "hours": self.hours_to_complete,
                "repo": self._part("expected_repo_name"),
            },
            None,
        )
        if kind and spec.task not in (_TASKS[kind], "pretrain"):
            raise SettingsError(f"--dataset-type: these are the columns of {spec.task}, not of a {kind}")
        return spec

    def _family(self) -> str:
        return self._one_of("model_type", _IMAGE_FAMILIES) if self.model_type else _IMAGE_FAMILIES[0]

    def _columns(self) -> dict[str, Any]:
        try:
            found = json.loads(self._given("dataset_type"))
        except ValueError as error:
            raise SettingsError(f"--dataset-type: this is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise SettingsError("--dataset-type: takes a JSON object with the columns")
        columns = {key: value for key, value in found.items() if value is not None}
        if isinstance(rewards := columns.get("reward_functions"), list):
            columns["reward_functions"] = [
                {key: value for key, value in one.items() if key in _REWARD_FIELDS and value is not None}
                for one in rewards
                if isinstance(one, dict)
            ]
        return columns

    def _one_of(self, name: str, known: Collection[str]) -> str:
        value = self._given(name)
        found = next((one for one in known if one.lower() == value.lower()), None)
        if found is None:
            raise SettingsError(f"{self.flag(name).names[0]} {value[:60]!r}: takes {', '.join(known)}")
        return found

    def _given(self, name: str) -> str:
        value: str | None = getattr(self, name)
        if not value:
            raise SettingsError(f"{self.flag(name).names[0]} is missing")
        return value

    def _part(self, name: str) -> str:
        """A value that becomes a part of a path."""
        value = self._given(name)
        if not re.fullmatch(r"[\w-][\w.-]*", value):
            raise SettingsError(f"{self.flag(name).names[0]} {value!r}: not a file's name")
        return value


class EntryOptions(Flags):
    """`logicnet tune entry`."""

    out: Path = Field(description="Folder of the repository: a new one, or an entry to bring up to date.")
    god: str = Field(GOD, description="Folder or address that has G.O.D.'s LICENSE and NOTICE.")
    url: str | None = Field(
        None, description="Where the repository will be, such as https://github.com/ME/ENTRY."
    )
