"""Trainers on a Ray cluster, by Ray's Jobs API (extra `ray`).

The queue stays the service's. Ray places each trainer on a node that has the GPUs that its job asks for. The
jobs' folders, base models, the trainer's Python and this package must be at the same paths on all nodes (a
shared file system). A submission's id is the job's id and the number of its start: a service that was
restarted finds it, and a start that was asked for twice happens once.
"""

import os
import shlex
import time
from pathlib import Path
from typing import Any

from logicnet.errors import SettingsError
from logicnet.tuning.engine import TrainerState
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import EngineAway, Job
from logicnet.tuning.train.jobfile import JobFile, is_running

STOP_S = 35  # Ray kills a trainer that has not ended by then; more than the grace that the worker gives
_POLL_S = 0.5


class RayEngine:
    """On the cluster whose dashboard answers at `address`, such as http://10.0.0.1:8265."""

    survives = True

    def __init__(self, address: str, isolation: Isolation) -> None:
        """Raises SettingsError without Ray, EngineAway."""
        self._address = address
        self._isolation = isolation
        self._connected: Any = None
        self._client()

    def start(self, job: Job, folder: Path, number: int) -> None:
        """Raises EngineAway, TuningError, OSError."""
        file = JobFile.read(folder)
        argv = self._isolation.argv(job, folder, file)
        log = shlex.quote(str(folder / "trainer.log"))
        key = self._isolation.environment(file).get("WANDB_API_KEY")
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S)} | ({"WANDB_API_KEY": key} if key else {})
        client = self._client()
        try:
            client.submit_job(
                entrypoint=f"exec {shlex.join(argv)} >> {log} 2>&1",
                submission_id=_id(job, number),
                entrypoint_num_gpus=file.gpus,
                entrypoint_num_cpus=max(1, file.gpus) if file.threads is None else file.threads,
                runtime_env={"env_vars": variables},
                metadata={"job": job.id, "start": str(number)},
            )
        except (RuntimeError, ValueError, OSError) as error:
            if self.state(job, folder, number).word in ("unknown", "ended"):
                raise EngineAway(f"Ray at {self._address} did not take the job: {_line(error)}") from None

    def state(self, job: Job, folder: Path, number: int) -> TrainerState:
        try:
            info = self._client().get_job_info(_id(job, number))
        except RuntimeError as error:
            if "404" not in str(error) and "does not exist" not in str(error):
                return TrainerState("unknown")
            return TrainerState("running" if is_running(folder) else "ended")
        except (EngineAway, ValueError, OSError):
            return TrainerState("unknown")
        if info.status.is_terminal():
            # A node that Ray has lost may still train, and its lock be seen from here.
            if is_running(folder):
                return TrainerState("running")
            return TrainerState("ended", info.driver_exit_code)
        return TrainerState("waiting" if info.status == "PENDING" else "running")

    def stop(self, job: Job, folder: Path, number: int, grace_s: float) -> None:
        """Ray sends SIGTERM, and SIGKILL after STOP_S. Raises EngineAway."""
        try:
            self._client().stop_job(_id(job, number))
        except (RuntimeError, ValueError, OSError) as error:
            if "404" in str(error) or "does not exist" in str(error):
                return
            raise EngineAway(f"Ray at {self._address} did not stop the job: {_line(error)}") from None
        until_s = time.monotonic() + max(grace_s, STOP_S) + 10.0
        while time.monotonic() < until_s and self.state(job, folder, number).word != "ended":
            time.sleep(_POLL_S)

    def _client(self) -> Any:
        if self._connected is None:
            self._connected = connected(self._address)
        return self._connected


def connected(address: str) -> Any:
    """Ray's client of the cluster at `address`. Raises SettingsError without Ray, EngineAway."""
    try:
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 (an extra, and slow to import)
    except ImportError as error:
        raise SettingsError(
            f"--tuning.engine ray needs Ray, which does not import ({error}): pip install 'logicnet[ray]'"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise EngineAway(
            f"no Ray cluster answers at {address} ({_line(error)}): start one with `ray start "
            "--head --dashboard-host 0.0.0.0`, or mend --tuning.ray_address"
        ) from None


def _id(job: Job, number: int) -> str:
    return f"logicnet-{job.id}-{number}"


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
