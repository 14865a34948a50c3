"""What a search is asked to do, as the file that the processes of a cluster read."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning.data.prepare import read_head
from logicnet.tuning.folders import Folders, here
from logicnet.tuning.presets import presets
from logicnet.tuning.search.space import Space
from logicnet.tuning.spec import GrpoType, TrainSpec
from logicnet.tuning.train.jobfile import write_json

ROWS_SHARE = 10
LEAST_ROWS = 200
"""A trial trains on a tenth of the rows, and on no fewer than this."""

UNKNOWN_ROWS = 2000
"""That a trial trains on of a dataset which is not fetched yet."""


class SearchPlan(BaseModel):
    """`spec`: a trial's training, without its point. `study`: the SQLite file; beside it lies `folder`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: TrainSpec
    space: Space
    study: Path
    trials: int | None
    tuning: dict[str, Any]  # TuningSettings that trials need

    @classmethod
    def of(
        cls,
        spec: TrainSpec,
        settings: Settings,
        space: Space,
        *,
        trials: int | None,
        rows: int | None,
        study: Path | None,
    ) -> "SearchPlan":
        """Raises SettingsError for a number that is fixed and searched, or a task without losses."""
        fixed = sorted(set(spec.overrides) & set(space.parameters))
        if fixed:
            raise SettingsError(
                f"{', '.join(fixed)}: fixed by a flag or the job file, and searched: take one away"
            )
        if isinstance(spec.dataset_type, GrpoType):
            raise SettingsError(
                "a search compares held-out losses, and GRPO has rewards: search with SFT rows"
            )
        spec = spec.model_copy(update={"rows": rows or _rows(spec), "repo": None})
        name = hashlib.sha256(f"{spec.digest} {space.shown()}".encode()).hexdigest()[:12]
        path = study or Folders.of(settings.tuning).root / "searches" / f"{name}.sqlite"
        return cls(
            spec=spec,
            space=space,
            study=path.expanduser().absolute(),
            trials=trials,
            tuning=settings.tuning.model_dump(mode="json", exclude={"folder", "token"})
            | _on_its_node(settings),
        )

    @cached_property
    def folder(self) -> Path:
        """Of the trials' jobs and the report."""
        return self.study.with_name(f"{self.study.stem}.files")

    def settings(self, settings: Settings) -> Settings:
        """`settings` with those of the search, and its folder."""
        tuning = TuningSettings.model_validate(self.tuning | {"folder": self.folder})
        return settings.model_copy(update={"tuning": tuning})

    def trial(self, parameters: dict[str, Any]) -> TrainSpec:
        """The training of one point."""
        return self.spec.model_copy(update={"overrides": {**self.spec.overrides, **parameters}})

    def write(self) -> Path:
        """Write `search.json`; returns its folder."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.folder / "search.json", self.model_dump(mode="json"))
        return self.folder

    @classmethod
    def read(cls, folder: Path) -> "SearchPlan":
        """Raises SettingsError."""
        path = folder / "search.json"
        return validate(cls, parse(read(path, str(path)), str(path), as_json=True), str(path))


def _on_its_node(settings: Settings) -> dict[str, Any]:
    """On a cluster a trial's trainer works beside its actor, confined as a job of the cluster is."""
    tuning = settings.tuning
    if tuning.engine == "local":
        return {}
    alike = "process" if tuning.isolation == "auto" else tuning.isolation
    return {"engine": "local", "ray_address": None, "isolation": alike}


def _rows(spec: TrainSpec) -> int:
    """A tenth of what the training itself takes; a use case's few rows are all taken."""
    few = next((one.rows for one in presets() if one.name == spec.preset and one.rows is not None), None)
    if spec.rows is None and few is not None:
        return few
    path = here(spec.dataset)
    whole = spec.rows
    if whole is None and spec.file_format in ("csv", "json", "jsonl") and path is not None:
        whole = read_head(spec.dataset_type, path).rows
    if whole is None:
        return UNKNOWN_ROWS
    return max(2, min(whole, max(LEAST_ROWS, whole // ROWS_SHARE)))
