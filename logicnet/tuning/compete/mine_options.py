"""The flags of the competition miner, `logicnet tune mine`: those of its documents, with underscores too."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError
from logicnet.tuning.options import format_of, parsed
from logicnet.tuning.spec import TrainSpec

QUESTIONS = {"field_instruction": "question", "field_output": "response"}
"""Columns of a dataset, as the documents' miner reads them."""

CORTEX = {"field_instruction": "prompt", "field_output": "response"}
"""Columns of an export of the Cortex subnet."""

STARTS = ("load_best", "load_uid", "load_model_dir", "load_repo")

_COMMIT = re.compile(r"[0-9a-f]{40}")


def _both(name: str) -> Flag:
    return Flag((f"--{name}", f"--{name.replace('_', '-')}"))


class MineOptions(Flags):
    """See the module. Its `words` are settings: --wallet.name, --offline and others."""

    words: tuple[str, ...] = ()
    hf_repo_id: Annotated[str | None, _both("hf_repo_id")] = Field(
        None, description="Repository of yours, NAMESPACE/NAME, that the model is uploaded to; public."
    )
    avg_loss_upload_threshold: Annotated[float | None, _both("avg_loss_upload_threshold")] = Field(
        None, gt=0, description="Upload only if the average held-out loss is not above this."
    )
    competition_id: Annotated[str, _both("competition_id")] = Field(
        "m1", description="Competition to mine for."
    )
    list_competitions: Annotated[bool, _both("list_competitions")] = Field(
        False, description="List the competitions, and end."
    )
    dataset_repo_id: Annotated[str | None, _both("dataset_repo_id")] = Field(
        None, description="Dataset on the hub to train on, or a file (JSON, JSON lines, CSV)."
    )
    dataset_type: Annotated[str | None, _both("dataset_type")] = Field(
        None, description="Its columns as JSON; default: question and response."
    )
    use_cortex: Annotated[bool, _both("use_cortex")] = Field(
        False,
        description="Train on rows of the Cortex subnet: an export of them, named by --dataset_repo_id.",
    )
    cortex_samples_per_epoch: Annotated[int | None, _both("cortex_samples_per_epoch")] = Field(
        None, ge=2, description="The first so many rows of it; default: all."
    )
    cortex_steps: Annotated[int | None, _both("cortex_steps")] = Field(
        None, ge=1, description="Accepted: an export is read at once, not in steps."
    )
    load_best: Annotated[bool, _both("load_best")] = Field(
        False, description="Start from the model of the miner with the highest incentive."
    )
    load_uid: Annotated[int | None, _both("load_uid")] = Field(
        None, ge=0, description="Start from this miner's model."
    )
    load_model_dir: Annotated[Path | None, _both("load_model_dir")] = Field(
        None, description="Start from a model's folder."
    )
    load_repo: Annotated[str | None, _both("load_repo")] = Field(
        None, description="Start from a model of the hub."
    )
    download_repo_latest_commit: Annotated[str | None, _both("download_repo_latest_commit")] = Field(
        None, description="Its commit, 40 hex digits; default: the newest, which is said."
    )
    comparison_uid: Annotated[int | None, _both("comparison_uid")] = Field(
        None, ge=0, description="Compare the trained model with this miner's, on the same samples."
    )
    wandb_project: Annotated[str | None, _both("wandb_project")] = Field(
        None, description="Log the training there; needs --wandb_entity."
    )
    wandb_entity: Annotated[str | None, _both("wandb_entity")] = Field(None, description="Its entity.")
    device: str | None = Field(None, description="cpu, cuda or cuda:N; default: the GPU, if there is one.")
    space: str = Field(
        "finetuning-subnet", description="What is searched: a space of `tune search`, or a TOML file."
    )
    trials: int | None = Field(None, ge=1, le=10_000, description="Trials of the search; default: the grid.")
    trial_rows: Annotated[int | None, _both("trial_rows")] = Field(
        None, ge=2, description="Rows that a trial trains on; default: a tenth, 200 at least."
    )
    preset: str | None = Field(None, description="Numbers to train with; default: by the model.")
    num_epochs: Annotated[float | None, _both("num_epochs")] = Field(
        None, gt=0, description="Passes over the rows; default: the preset's."
    )
    max_steps: Annotated[int | None, _both("max_steps")] = Field(
        None, ge=1, description="Steps after which a training ends at the latest."
    )
    accumulation_steps: Annotated[int | None, _both("accumulation_steps")] = Field(
        None, ge=1, description="Batches a step; default: the preset's."
    )
    attn_implementation: Annotated[str | None, _both("attn_implementation")] = Field(
        None, description="sdpa, eager or flash_attention_2; default: the preset's."
    )
    dtype: str | None = Field(
        None, description="Accepted: bfloat16 where the device is fast in it, else float32."
    )
    eval_steps: Annotated[int | None, _both("eval_steps")] = Field(
        None, ge=1, description="Accepted: ten evaluations a training, one an epoch at least."
    )
    model_dir: Annotated[Path | None, _both("model_dir")] = Field(
        None, description="Folder for the trained model; default: below --tuning.folder."
    )
    seed: int = Field(42, ge=0, description="Seed.")

    def has(self, name: str) -> bool:
        """Whether the flag was given; uid 0 is a uid."""
        value = getattr(self, name)
        return value is not None and value is not False

    @property
    def start(self) -> str:
        """Which of STARTS was given. Raises SettingsError unless it is one."""
        given = [name for name in STARTS if self.has(name)]
        names = [f"--{name}" for name in given or STARTS]
        if len(given) != 1:
            what = f"{' and '.join(names)} are given" if given else "no model to start from"
            raise SettingsError(f"{what}: give one of {', '.join(f'--{name}' for name in STARTS)}")
        if self.download_repo_latest_commit is not None and given != ["load_repo"]:
            raise SettingsError("--download_repo_latest_commit is the commit of a --load_repo: give both")
        return given[0]

    @property
    def commit(self) -> str | None:
        """The commit of --load_repo. Raises SettingsError for a branch or a tag."""
        commit = self.download_repo_latest_commit
        if commit is not None and not _COMMIT.fullmatch(commit):
            raise SettingsError(
                f"--download_repo_latest_commit {commit[:80]!r}: takes the commit's 40 hex digits, not a "
                "branch or a tag; leave it out for the newest"
            )
        return commit

    def upload_to(self) -> tuple[str, float]:
        """Repository and threshold. Raises SettingsError if one is missing."""
        if self.hf_repo_id is None or self.hf_repo_id.count("/") != 1:
            given = "is missing" if self.hf_repo_id is None else f"{self.hf_repo_id[:80]!r} is no repository"
            raise SettingsError(f"--hf_repo_id {given}: takes NAMESPACE/NAME; --offline goes without upload")
        if self.avg_loss_upload_threshold is None:
            raise SettingsError(
                "--avg_loss_upload_threshold is missing: above which held-out loss is nothing uploaded? "
                "--offline goes without upload"
            )
        return self.hf_repo_id, self.avg_loss_upload_threshold

    def check_rows(self) -> None:
        """Raises SettingsError if it is not said what to train on."""
        if self.use_cortex and self.dataset_repo_id is None:
            raise SettingsError(
                "--use_cortex: the public project that held the Cortex subnet's rows is gone; name an export "
                "of them, JSON lines with prompt and response: --dataset_repo_id FILE.jsonl"
            )
        if self.dataset_repo_id is None:
            raise SettingsError("--dataset_repo_id is missing: name a dataset of the hub or a file")

    def spec(self, model: Path, name: str, *, network: bool) -> TrainSpec:
        """The training of a model's folder, called `name`. Raises SettingsError that names the flag."""
        self.check_rows()
        numbers = {
            "epochs": self.num_epochs,
            "max_steps": self.max_steps,
            "accumulate": self.accumulation_steps,
            "attention": self.attn_implementation,
        }
        given = {
            "model": str(model),
            "model_name": name,
            "dataset": self.dataset_repo_id,
            "dataset_type": self._columns(),
            "file_format": format_of(self.dataset_repo_id or ""),
            "rows": self.cortex_samples_per_epoch,
            "preset": self.preset,
            "overrides": {key: value for key, value in numbers.items() if value is not None},
            "device": self.device,
            "seed": self.seed,
            "network": network,
        }
        return parsed(TrainSpec, given, None)

    def _columns(self) -> Any:
        if self.dataset_type is None:
            return CORTEX if self.use_cortex else QUESTIONS
        if not self.dataset_type.lstrip().startswith("{"):
            return self.dataset_type
        try:
            return json.loads(self.dataset_type)
        except ValueError as error:
            raise SettingsError(f"--dataset_type: this is not JSON: {error}") from None
