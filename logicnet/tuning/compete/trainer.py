"""`logicnet tune trainer`: train one task of a tournament, and leave its result where it is looked for."""

import shutil
from dataclasses import replace
from pathlib import Path

from logicnet.errors import TuningError
from logicnet.settings import Settings
from logicnet.tuning.compete.tournament import TournamentTask
from logicnet.tuning.foreground import worked
from logicnet.tuning.jobs import JobState
from logicnet.tuning.workshop import Workshop

IN_DOCKER = Path("/.dockerenv")
"""Docker puts it into every container. Elsewhere reward code is confined as for any other job."""

IMAGE_WEIGHTS = "last.safetensors"
"""The name under which validators look for a LoRA of an image model first."""


def train(task: TournamentTask, settings: Settings) -> int:
    """Train the task, and leave the result where the validator's uploader looks. Returns the exit status."""
    spec, out = task.spec(), task.out
    shop = Workshop.of(settings)
    shop = replace(shop, isolation=replace(shop.isolation, contained=IN_DOCKER.exists()))
    job, status = worked(spec, shop, task_id=f"{task.task_id}.{task.expected_repo_name}")
    if job.state is not JobState.COMPLETED:
        return status
    _deliver(shop.folders.job(job.id) / "adapter", out, images=task.images)
    print(f"Task {task.task_id}: the result is in {out}")
    return 0


def _deliver(adapter: Path, out: Path, *, images: bool) -> None:
    """Copy the result, whole or not at all. Raises TuningError."""
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(adapter, part)
        weights = list(part.glob("*.safetensors"))
        if images and len(weights) == 1:
            weights[0].rename(part / IMAGE_WEIGHTS)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    except OSError as error:
        raise TuningError(f"the result cannot be written to {out}: {error.strerror or error}") from None
