"""What callers send and get, in the words of the services that we are compatible with.

`/train/` and `/evaluate/` are of G.O.D.'s predecessor; offers, `/start_training...`, submissions and
`/training_repo` are of G.O.D. (rayonlabs/G.O.D, core/models/payload_models.py).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from logicnet.tuning.spec import (
    MOST_HOURS,
    Address,
    DatasetType,
    FileFormat,
    ImageFamily,
    ImageType,
    Name,
    Rows,
    Seed,
    TrainSpec,
)

Hours = Annotated[float, Field(gt=0, le=MOST_HOURS)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""No path: it may become part of a file's name."""

TaskKind = Literal["InstructTextTask", "DpoTask", "GrpoTask", "ChatTask", "ImageTask", "PretrainTask"]


class _FrozenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class _Lenient(_FrozenRequest):
    """Validators send fields of later versions too."""

    model_config = ConfigDict(extra="ignore")


class TrainRequest(_FrozenRequest):
    """POST /train/.

    `priority`, from 0 to 1, orders jobs of the same class of success; a validator's counts as 0.5.
    """

    dataset: str = ""
    model: str = ""
    dataset_type: DatasetType
    file_format: FileFormat
    task_id: TaskId | None = None
    hours_to_complete: Hours | None = None
    expected_repo_name: Name | None = None
    preset: Name | None = None
    priority: Annotated[float, Field(ge=0, le=1)] | None = None
    overrides: dict[str, Any] = Field(default_factory=dict)
    validation: float = Field(0.05, gt=0, lt=0.5)
    rows: Rows | None = None
    seed: Seed = 42

    def spec(self) -> TrainSpec:
        given = self.model_dump(exclude={"task_id", "hours_to_complete", "expected_repo_name", "priority"})
        return TrainSpec(
            **given | {"dataset_type": self.dataset_type},
            hours=self.hours_to_complete,
            repo=self.expected_repo_name,
        )


class EvaluateRequest(_FrozenRequest):
    """POST /evaluate/."""

    dataset: str = ""
    model: str = ""
    original_model: str = ""
    dataset_type: DatasetType
    file_format: FileFormat
    rows: Rows | None = None
    others: tuple[Name, ...] = Field((), max_length=16)  # earlier submissions, of which it may be a copy

    def spec(self) -> TrainSpec:
        """What names the rows."""
        return TrainSpec(
            dataset=self.dataset,
            model=self.model,
            dataset_type=self.dataset_type,
            file_format=self.file_format,
            rows=self.rows,
        )


class MinerTaskOffer(_Lenient):
    """POST /task_offer/ and /task_offer_image/: whether we would take such a task."""

    ds_size: int | None = Field(None, ge=0, le=10**12)  # rows
    model: Name
    hours_to_complete: Hours
    task_id: str = Field(max_length=200)
    task_type: TaskKind
    model_params_count: int | None = Field(None, ge=0, le=10**15)


class MinerTaskResponse(BaseModel):
    message: str
    accepted: bool


class StartTraining(_Lenient):
    """POST /start_training/ and /start_training_grpo/."""

    model: Name
    task_id: TaskId
    hours_to_complete: Hours
    expected_repo_name: Name | None = None
    dataset: Address
    dataset_type: DatasetType
    file_format: FileFormat

    def spec(self) -> TrainSpec:
        return TrainSpec(
            dataset=self.dataset,
            model=self.model,
            dataset_type=self.dataset_type,
            file_format=self.file_format,
            hours=self.hours_to_complete,
            repo=self.expected_repo_name,
        )


class StartTrainingImage(_Lenient):
    """POST /start_training_image/."""

    model: Name
    task_id: TaskId
    hours_to_complete: Hours
    expected_repo_name: Name | None = None
    dataset_zip: Address
    model_type: ImageFamily = "sdxl"

    @field_validator("model_type", mode="before")
    @classmethod
    def _small_letters(cls, given: Any) -> Any:
        return given.lower() if isinstance(given, str) else given

    def spec(self) -> TrainSpec:
        return TrainSpec(
            dataset=self.dataset_zip,
            model=self.model,
            dataset_type=ImageType(image_family=self.model_type),
            file_format="s3",
            hours=self.hours_to_complete,
            repo=self.expected_repo_name,
        )


class TrainingRepo(BaseModel):
    """GET /training_repo/{text,image}."""

    github_repo: str
    commit_hash: str

    @classmethod
    def parse(cls, text: str) -> "TrainingRepo":
        """Of URL@COMMIT; ValueError if it is not that."""
        found = re.fullmatch(r"(https?://\S+)@([0-9A-Za-z._/-]+)", text)
        if found is None:
            raise ValueError(text)
        return cls(github_repo=found[1], commit_hash=found[2])
