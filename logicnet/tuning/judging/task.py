"""A task of a validator, and what is kept of it in its folder.

task.json        the task and the miners of its group; written once, last of what makes a task
train.jsonl      what miners train on
test.jsonl       what they never see, and synthetic.jsonl, made of it or like it
offers.json      what each miner answered
received.json    what was submitted, and when
submissions/     a folder, or a link to one, for each miner: an adapter or whole weights
evaluations/     what was measured of each
judgement.json   who won; report.html beside it
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from logicnet._util.files import write_whole
from logicnet._util.parsing import parse, read, validate
from logicnet.tuning.spec import DatasetType, Name, Seed, TrainSpec
from logicnet.tuning.train.jobfile import Task, write_json
from logicnet.tuning.wire import Hours, TaskId

MinerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""No path: it is a folder's name."""

_Model = TypeVar("_Model", bound=BaseModel)


class _TaskFact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class JudgedMiner(_TaskFact):
    """One that may be asked. Without `url` its submission is put into the task's folder."""

    name: MinerName
    url: str | None = Field(None, pattern=r"^https?://[^\s]+$")  # of its training service
    token: SecretStr | None = None  # that the service asks for


class MinersFile(_TaskFact):
    """A TOML file with a table [[miners]] a miner."""

    miners: tuple[JudgedMiner, ...] = Field(min_length=1)

    @field_validator("miners")
    @classmethod
    def _no_name_twice(cls, given: tuple[JudgedMiner, ...]) -> tuple[JudgedMiner, ...]:
        names = [one.name for one in given]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{sorted(twice)[0]} is there twice")
        return given


class JudgingTask(_TaskFact):
    """`task.json`. Times are unix seconds."""

    format: Literal[1] = 1
    id: TaskId
    model: Name
    dataset_type: DatasetType
    group: tuple[MinerName, ...]
    created_s: float
    deadline_s: float
    hours: Hours
    seed: Seed
    train_rows: int
    test_rows: int
    dropped: dict[str, int]
    synthetic: str  # how its rows were made
    twins: bool  # each of them was made of the test's row in its place
    warnings: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """sft, pretrain, chat or dpo."""
        return TrainSpec(
            dataset="-", model=self.model, dataset_type=self.dataset_type, file_format="jsonl"
        ).task


class MinerOffer(_TaskFact):
    """What a miner answered to an offer."""

    accepted: bool
    message: str


class ReceivedModel(_TaskFact):
    """A submission: `submitted_s` is when it was first seen, or when its files were last written."""

    submitted_s: float
    source: str  # a repository, or a folder
    curve: tuple[tuple[float, float], ...] = ()  # its own held-out losses, by step


class TaskFolder:
    """Paths and small files of one task."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.miners = path / "miners.toml"
        self.submissions = path / "submissions"
        self.evaluations = path / "evaluations"
        self.judgement = path / "judgement.json"
        self.report = path / "report.html"

    @property
    def exists(self) -> bool:
        return (self.path / "task.json").exists()

    def task(self) -> JudgingTask:
        """Raises SettingsError."""
        return self._read("task.json", JudgingTask)

    def keep_miners(self, file: Path) -> None:
        """Copy a file of miners, for the operator's eyes only."""
        write_whole(self.miners, file.read_bytes(), mode=0o600)

    def write_task(self, task: JudgingTask) -> None:
        write_json(self.path / "task.json", task.model_dump(mode="json"))

    def offers(self) -> dict[str, MinerOffer]:
        return self._read_all("offers.json", MinerOffer)

    def write_offers(self, offers: dict[str, MinerOffer]) -> None:
        self._write_all("offers.json", offers)

    def received(self) -> dict[str, ReceivedModel]:
        return self._read_all("received.json", ReceivedModel)

    def write_received(self, received: dict[str, ReceivedModel]) -> None:
        self._write_all("received.json", received)

    def _read(self, name: str, model: type[_Model]) -> _Model:
        path = self.path / name
        return validate(model, parse(read(path, str(path)), str(path), as_json=True), str(path))

    def _read_all(self, name: str, model: type[_Model]) -> dict[str, _Model]:
        path = self.path / name
        if not path.exists():
            return {}
        found: dict[str, Any] = parse(read(path, str(path)), str(path), as_json=True)
        return {miner: validate(model, one, f"{path}: {miner}") for miner, one in found.items()}

    def _write_all(self, name: str, found: dict[str, Any]) -> None:
        write_json(self.path / name, {miner: one.model_dump(mode="json") for miner, one in found.items()})


def read_miners(path: Path) -> tuple[JudgedMiner, ...]:
    """Raises SettingsError."""
    return validate(MinersFile, parse(read(path, str(path)), str(path)), str(path)).miners


def results_of(path: Path) -> list[dict[str, Any]]:
    """The results in a `judgement.json`, the best first; none if the file cannot be read."""
    try:
        found = json.loads(path.read_text())["results"]
        return [one for one in found if isinstance(one["miner"], str) and isinstance(one["fate"], str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
