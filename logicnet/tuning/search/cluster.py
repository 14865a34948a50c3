"""A search on a Ray cluster, as its submitter sees it.

The search is a Ray job (ray_driver.py) that works on the head node. When the command that submitted it is
killed, the search goes on, and the next command watches it.
"""

import hashlib
import shlex
import sys
import threading
from typing import Any

from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings
from logicnet.tuning.jobs import EngineAway
from logicnet.tuning.ray_engine import STOP_S, connected
from logicnet.tuning.search.monitor import TrialMonitor
from logicnet.tuning.search.plan import SearchPlan

_POLL_S = 1.0
_MOST_JOBS = 1000  # of one search


def search_on_cluster(
    plan: SearchPlan, settings: Settings, at_once: int | None, stop: threading.Event, monitor: TrialMonitor
) -> None:
    """Have the cluster search, or watch it if it does already; returns when it is done or was stopped.

    Raises SettingsError without Ray, EngineAway, TuningError.
    """
    address = settings.tuning.ray_address
    if address is None:
        raise SettingsError("--tuning.engine ray needs --tuning.ray_address, such as http://10.0.0.1:8265")
    client = connected(address)
    name = _submitted(client, plan, at_once)
    asked = False
    try:
        while not (status := client.get_job_status(name)).is_terminal():
            monitor.look()
            if stop.wait(_POLL_S) and not asked:
                client.stop_job(name)
                asked = True
            if asked:
                threading.Event().wait(_POLL_S)
        log = client.get_job_logs(name)
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineAway(
            f"Ray at {address} does not answer any more ({error}): the same command goes on"
        ) from None
    monitor.look()
    if status.value != "SUCCEEDED" and not asked:
        lines = [line for line in log.splitlines() if line.strip()]
        raise TuningError(f"the search on {address} ended: {lines[-1] if lines else status.value}")


def _submitted(client: Any, plan: SearchPlan, at_once: int | None) -> str:
    """The id of the Ray job of this search that works now; a new one if none does."""
    known = {one.submission_id: one.status for one in client.list_jobs()}
    digest = hashlib.sha256(str(plan.folder).encode()).hexdigest()[:12]
    names = [f"logicnet-search-{digest}-{number}" for number in range(_MOST_JOBS)]
    for name in names:
        if name in known and not known[name].is_terminal():
            return name
    name = next(one for one in names if one not in known)
    words = [sys.executable, "-m", "logicnet.tuning.search", str(plan.folder), str(at_once or 0)]
    client.submit_job(
        entrypoint=f"exec {shlex.join(words)}",
        submission_id=name,
        runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(3 * STOP_S)}},
    )
    return name
