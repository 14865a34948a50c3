"""The flags of `logicnet tune search`."""

from pathlib import Path

from pydantic import Field

from logicnet.tuning.options import JobOptions


class SearchOptions(JobOptions):
    """Those of a job; a number that is given is the same in all trials."""

    space: str = Field(
        "finetuning-subnet", description="What is searched: finetuning-subnet, lora, or a TOML file."
    )
    trials: int | None = Field(
        None, ge=1, le=10_000, description="Trials; default: all points of a grid, 20 of a range."
    )
    trial_rows: int | None = Field(
        None, ge=2, description="Rows that a trial trains on; default: a tenth, 200 at least."
    )
    at_once: int | None = Field(
        None, ge=1, le=256, description="Trials at a time; default: --tuning.concurrent_jobs, on Ray all."
    )
    study: Path | None = Field(
        None, description="Optuna's SQLite file, made or gone on with; default: below --tuning.folder."
    )
