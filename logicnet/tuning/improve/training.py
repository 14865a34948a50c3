"""A round's training, on the queue of `logicnet tune serve`; this process trains if no service does."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from logicnet.errors import TuningError
from logicnet.solver.race.profiles import Profile
from logicnet.tuning import hub
from logicnet.tuning.control import ControlRoom
from logicnet.tuning.improve.adapters import EXPECTED, PROFILE
from logicnet.tuning.isolation import TRAINER
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.workshop import Workshop

_LOOK_S = 1.0


class JobLost(TuningError):
    """A training job ended without a result: its round is given up."""


@dataclass(frozen=True, slots=True)
class Trained:
    """An adapter's folder; loss on held-out lessons before the first step, and the best.

    `expected`: the file of what the adapter said, where that is not in its folder.
    """

    adapter: Path
    losses: tuple[float, float]
    expected: Path | None = None


class RoundTrainer(Protocol):
    """Both methods may be called again after a kill, with the same arguments, and go on."""

    async def train(self, task_id: str, spec: TrainSpec) -> Trained:
        """Raises JobLost; other TuningErrors for what may work later."""
        ...

    async def merge(self, base: str, adapter: Path, out: Path) -> None:
        """Add the adapter to the weights of its base. Raises TuningError."""
        ...


@dataclass(frozen=True, slots=True)
class QueueTrainer:
    """The queue of the settings that `shop` was made of."""

    shop: Workshop

    async def train(self, task_id: str, spec: TrainSpec) -> Trained:
        store = self.shop.folders.store()
        room = ControlRoom(store, self.shop, self.shop.settings)
        job = await asyncio.to_thread(room.submit, spec, task_id, local=True, own=True)
        if job.state in (JobState.CANCELLED, JobState.FAILED, JobState.TIMED_OUT):
            raise JobLost(f"training job {job.id} {job.state}: {job.reason}")
        stop = asyncio.Event()
        working = asyncio.create_task(self.shop.worker(store).run(stop, only=job.id))
        try:
            while not job.state.over:
                await asyncio.wait({working}, timeout=_LOOK_S)
                found: Job | None = await asyncio.to_thread(store.get, job.id)
                job = found or job
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await asyncio.shield(working)
        return self._trained(job)

    def _trained(self, job: Job) -> Trained:
        folder = self.shop.folders.job(job.id)
        progress = Progress(folder)
        progress.read()
        losses = [one.loss for one in progress.evaluations]
        if job.state is not JobState.COMPLETED or not losses:
            raise JobLost(f"training job {job.id} {job.state}: {job.reason or 'nothing was evaluated'}")
        return Trained(folder / "adapter", (losses[0], min(losses)), folder / EXPECTED)

    async def merge(self, base: str, adapter: Path, out: Path) -> None:
        python = self.shop.isolation.python
        words = [str(python), "-m", TRAINER, "merge", base, str(adapter), str(out)]
        process = await asyncio.create_subprocess_exec(
            *words,
            env=hub.environment(None),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode != 0:
            lines = said.decode(errors="replace").strip().splitlines() or ["?"]
            raise TuningError(f"{adapter} cannot be merged into {base}: {lines[-1]}")


def write_profile(profile: Profile, folder: Path) -> None:
    """The race's profile for a candidate, as --miner.profiles takes it; it holds for every name."""
    (folder / PROFILE).write_text(profile.model_copy(update={"models": ("*",), "but_not": ()}).toml())
