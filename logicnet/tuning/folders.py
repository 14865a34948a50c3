"""Where things lie below --tuning.folder."""

from dataclasses import dataclass
from pathlib import Path

from logicnet.settings import TuningSettings
from logicnet.tuning.improve.adapters import AdapterStore
from logicnet.tuning.store import JobStore


def here(name: str) -> Path | None:
    """The file or folder `name` of this machine; None if nothing has that name, or nothing can have it."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long; the home of a user who is not known; NUL
        return None


@dataclass(frozen=True)
class Folders:
    """Below `root`: the queue, and a folder a job."""

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
    def jobs(self) -> Path:
        return self.root / "jobs"

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def adapters(self) -> AdapterStore:
        return AdapterStore(self.root)

    def store(self) -> JobStore:
        """Raises TuningError."""
        return JobStore(self.queue)
