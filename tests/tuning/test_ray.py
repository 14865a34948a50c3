"""A Ray cluster of two nodes: one is killed in mid-job, and so is the service."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logicnet._util.processes import free_port
from logicnet.tuning.jobs import EngineAway, Job, JobState
from logicnet.tuning.ray_engine import RayEngine
from logicnet.tuning.train.jobfile import is_running
from tests.harness.ray_cluster import ray_cluster
from tests.harness.scripted_service import isolation, job, store_in
from tests.harness.scripted_trainer import Script
from tests.harness.services import services

WITHIN_S = 180.0
SCRIPT = Script(steps=8, gate=5)


def until(true: Callable[[], object], said: Callable[[], object] = str) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < until_s, said()
        time.sleep(0.1)


def runs(folder: Path) -> list[dict[str, object]]:
    try:
        return [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    except FileNotFoundError:
        return []


def at_the_gate(folder: Path) -> bool:
    saved = folder / "checkpoint.json"
    return is_running(folder) and saved.exists() and saved.read_text() == "5"


def test_a_node_that_dies_costs_an_attempt_and_a_service_that_dies_nothing(tmp_path):
    store = store_in(tmp_path)
    jobs = [store.add(job(SCRIPT)) for _ in range(2)]
    folders = {one.id: tmp_path / "jobs" / one.id for one in jobs}

    def log() -> str:
        logs = [tmp_path / "service.log", *(folder / "trainer.log" for folder in folders.values())]
        return "".join(path.read_text()[-3000:] for path in logs if path.exists())

    with ray_cluster() as cluster, services(tmp_path) as running:
        node = cluster.add()
        cluster.wait(2)
        first = running.start(2, cluster.address)
        until(lambda: all(map(at_the_gate, folders.values())), log)
        first.kill()
        first.wait(20)
        held = {one.id: one.worker for one in store.jobs()}
        running.start(2, cluster.address)
        until(lambda: all(one.worker != held[one.id] for one in store.jobs()), log)
        # One GPU a node: each has a trainer.
        there = {process.pid for process in node.processes()}
        (lost,) = [name for name, folder in folders.items() if runs(folder)[0]["pid"] in there]
        (kept,) = set(folders) - {lost}
        node.kill()
        until(lambda: _get(store.get(lost)).attempts == 1, log)
        (folders[kept] / "go").touch()
        until(lambda: _get(store.get(kept)).state.over, log)
        (folders[lost] / "go").touch()
        until(lambda: _get(store.get(lost)).state.over, log)
    ended = {one.id: (one.state, one.attempts, one.reason) for one in store.jobs()}
    assert ended == {kept: (JobState.COMPLETED, 0, ""), lost: (JobState.COMPLETED, 1, "")}, log()
    assert [run["from"] for run in runs(folders[kept])] == [None]
    assert [run["from"] for run in runs(folders[lost])] == [None, 5]
    assert {run["gpu"] for folder in folders.values() for run in runs(folder)} == {"0"}  # Ray gave it


def _get(found: Job | None) -> Job:
    assert found is not None
    return found


def test_a_cluster_that_does_not_answer_is_named_with_its_mend():
    port = free_port()
    with pytest.raises(EngineAway, match=rf"127\.0\.0\.1:{port}.*--tuning\.ray_address"):
        RayEngine(f"http://127.0.0.1:{port}", isolation())
