"""Miners that run our own training service: offered a task, asked for what they made of it."""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from logicnet.settings import TuningSettings
from logicnet.tuning import control
from logicnet.tuning.callers import Loopback
from logicnet.tuning.control import ControlRoom
from logicnet.tuning.facts import ModelFacts
from logicnet.tuning.folders import Folders
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import JobState
from logicnet.tuning.judging.judging import TaskJudge
from logicnet.tuning.judging.task import JudgedMiner, JudgingTask, TaskFolder
from logicnet.tuning.service import service
from logicnet.tuning.workshop import Workshop
from tests.harness.scripted_shop import ScriptedShop


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that knows every model."""
    monkeypatch.setattr(control, "facts_of", lambda name, _token: ModelFacts.of(name, {}, 1e6))


@contextmanager
def served(folder: Path, **settings: object) -> Iterator[tuple[ControlRoom, str]]:
    """The service over a queue in `folder`, and its address."""
    tuning = TuningSettings(folder=folder, **settings)
    folders = Folders.of(tuning)
    shop = Workshop(tuning, folders, None, Isolation("process", Path(sys.executable)))
    room = ControlRoom(folders.store(), shop, tuning)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(service(room, Loopback()), log_config=None, lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        thread.start()
        yield room, f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


def task_in(path: Path, group: tuple[str, ...]) -> TaskFolder:
    folder = TaskFolder(path)
    folder.submissions.mkdir(parents=True)
    rows = ({"instruction": f"{n}?", "output": f"{n}"} for n in range(40))
    (path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    now_s = time.time()
    folder.write_task(
        JudgingTask(
            id="task-1",
            model="org/llama",
            dataset_type="instruct",
            group=group,
            created_s=now_s,
            deadline_s=now_s + 3600,
            hours=1.0,
            seed=1,
            train_rows=40,
            test_rows=20,
            dropped={},
            synthetic="reworded by rules",
            twins=True,
        )
    )
    return folder


@pytest.mark.thorough
def test_a_miner_takes_the_task_trains_and_is_collected_from(tmp_path):
    folder = task_in(tmp_path / "task-1", ("a", "busy", "gone"))
    with (
        served(tmp_path / "a") as (room, url),
        served(tmp_path / "b", accepted_families="mistral") as (other, other_url),
    ):
        miners = {
            "a": JudgedMiner(name="a", url=url),
            "busy": JudgedMiner(name="busy", url=other_url),
            "gone": JudgedMiner(name="gone", url="http://127.0.0.1:9"),
        }
        judge = TaskJudge(folder, ScriptedShop({}), miners)
        judge.offer(None)
        offers = folder.offers()
        assert {name: one.accepted for name, one in offers.items()} == {"a": True, "busy": False}
        assert "mistral" in offers["busy"].message
        job = room.job("task-1")
        assert job is not None
        assert job.spec.dataset == str((folder.path / "train.jsonl").absolute())
        assert not other.store.jobs()
        judge.offer(None)  # nothing twice
        assert len(room.store.jobs()) == 1

        assert not judge.collect(close=False)
        adapter = tmp_path / "a" / "jobs" / job.id / "adapter"
        adapter.mkdir(parents=True)
        events = ({"at": n, "kind": "eval", "step": n, "loss": 3.0 - n, "best": True} for n in (1.0, 2.0))
        lines = (json.dumps(one | {"step": int(one["step"]), "perplexity": 1.0}) for one in events)
        (adapter.parent / "events.jsonl").write_text("".join(line + "\n" for line in lines))
        claimed = room.store.claim("worker", time.time())
        assert claimed is not None
        assert room.store.end(job.id, "worker", time.time(), JobState.COMPLETED, result={"model_hash": "x"})

        assert judge.collect(close=True)
        received = folder.received()
        assert set(received) == {"a"}
        assert received["a"].curve == ((1.0, 2.0), (2.0, 1.0))
        assert (folder.submissions / "a").resolve() == adapter.resolve()
        assert received["a"].submitted_s <= time.time()
