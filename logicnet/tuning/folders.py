"""Where things lie below --tuning.folder."""

from dataclasses import dataclass
from pathlib import Path

from logicnet.settings import TuningSettings
from logicnet.tuning.store import JobStore


@dataclass(frozen=True)
class Folders:
    """Below `root`: the queue, a folder a job, what was fetched."""

    root: Path

    @classmethod
    def of(cls, settings: TuningSettings) -> "Folders":
        return cls(settings.folder.expanduser().absolute())

    @property
    def queue(self) -> Path:
        return self.root / "queue.sqlite"

    @property
    def pace(self) -> Path:
        return self.root / "pace.json"

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def store(self) -> JobStore:
        """Raises TuningError."""
        return JobStore(self.queue)
