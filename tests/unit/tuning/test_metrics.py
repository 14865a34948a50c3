"""What a scrape of the training service reads, by Prometheus' own parser."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.metrics import CONTENT_TYPE, metrics
from logicnet.tuning.spec import TrainSpec
from tests.unit.tuning.test_control import TRAIN, post, room_in

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(room: Any) -> Samples:
    families = text_string_to_metric_families(metrics(room).decode())
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def add(room: Any, name: str) -> Job:
    return room.store.add(Job(name * 32, name, TrainSpec(**TRAIN), "llama", created_s=time.time()))  # type: ignore[no-any-return]


def events(room: Any, job: Job, *found: dict[str, Any]) -> None:
    folder: Path = room._shop.folders.job(job.id)
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))


def running(room: Any, name: str) -> Job:
    job = add(room, name)
    assert room.store.claim("w", time.time(), job.id) is not None
    assert room.store.move(job.id, "w", time.time(), JobState.RUNNING)
    return job


def test_jobs_are_counted_by_state_and_running_ones_told_by_id(tmp_path):
    room = room_in(tmp_path)
    add(room, "a")
    done = running(room, "b")
    assert room.store.end(done.id, "w", time.time(), JobState.COMPLETED)
    events(room, done, {"at": 1.0, "kind": "step", "step": 9, "loss": 1.0})
    job = running(room, "c")
    steps = [{"at": 10.0 + 2 * n, "kind": "step", "step": n, "loss": 1.0} for n in range(1, 6)]
    evals = [
        {"at": 21.0, "kind": "eval", "step": n, "loss": loss, "best": best}
        for n, loss, best in ((1, 0.5, True), (5, 0.75, False))
    ]
    events(room, job, {"at": 10.0, "kind": "started", "steps": 15}, *steps, *evals)
    found = scraped(room)
    states = {labels[0][1]: n for (name, labels), n in found.items() if name == "logicnet_tuning_jobs"}
    assert states == {state.value: float(state in ("queued", "completed", "running")) for state in JobState}
    which = (("job", job.id),)
    assert found["logicnet_tuning_step", which] == 5
    assert found["logicnet_tuning_best_loss", which] == 0.5
    assert found["logicnet_tuning_seconds_left", which] == pytest.approx(20.0)
    assert not [name for name, labels in found if ("job", done.id) in labels]
    assert found["process_resident_memory_bytes", ()] > 0


def test_a_running_job_without_an_evaluation_has_no_loss(tmp_path):
    room = room_in(tmp_path)
    job = running(room, "c")
    found = scraped(room)
    which = (("job", job.id),)
    assert found["logicnet_tuning_step", which] == 0
    assert ("logicnet_tuning_best_loss", which) not in found
    assert ("logicnet_tuning_seconds_left", which) not in found


async def test_refusals_are_counted_by_reason(tmp_path):
    room = room_in(tmp_path)
    for _ in range(2):
        assert (await post(room, "/train/", TRAIN | {"dataset": " "})).status_code == 400
    assert scraped(room)["logicnet_tuning_refused_total", (("reason", "request"),)] == 2
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
