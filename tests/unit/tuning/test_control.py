"""What callers may ask of the control room, over HTTP and without."""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import constants

from logicnet.errors import TuningError
from logicnet.settings import TuningSettings
from logicnet.tuning import control
from logicnet.tuning.callers import Loopback
from logicnet.tuning.control import ControlRoom, Declined
from logicnet.tuning.facts import ModelFacts
from logicnet.tuning.folders import Folders
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import Job
from logicnet.tuning.service import service
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import Waiting
from logicnet.tuning.wire import EvaluateRequest, MinerTaskOffer
from logicnet.tuning.workshop import Workshop
from tests.harness.hub import loopback_hub, safetensors

TRAIN = {"dataset": "org/rows", "model": "org/llama", "dataset_type": "instruct", "file_format": "hf"}


def room_in(folder: Path, **settings: Any) -> ControlRoom:
    tuning = TuningSettings(folder=folder, **settings)
    folders = Folders.of(tuning)
    return ControlRoom(
        folders.store(), Workshop(tuning, folders, None, Isolation("process", Path(sys.executable))), tuning
    )


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that knows every model."""
    monkeypatch.setattr(control, "facts_of", lambda name, _token: ModelFacts.of(name, {}, 1e6))


def model_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    return folder


@pytest.mark.usefixtures("hub")
def test_a_job_of_another_machine_reaches_nothing_of_this_one(tmp_path):
    room = room_in(tmp_path)
    spec = TrainSpec(**{**TRAIN, "dataset": "http://127.0.0.1:1/rows.jsonl", "file_format": "s3"})
    ours, theirs = (room.submit(spec, name, local=local) for name, local in (("a", True), ("b", False)))
    assert (ours.spec.foreign, theirs.spec.foreign) == (False, True)
    assert ours.spec.digest == theirs.spec.digest
    with pytest.raises(TuningError, match="private network"):
        room._shop.source(theirs.spec, tmp_path / "job")
    with pytest.raises(TuningError, match="ConnectError"):
        room._shop.source(ours.spec, tmp_path / "job")


def test_an_offer_of_another_machine_does_not_ask_for_folders(tmp_path):
    room = room_in(tmp_path)
    offer = MinerTaskOffer(model=str(tmp_path), hours_to_complete=1, task_id="a", task_type="DpoTask")
    assert "none of config.json" in room.consider(offer, local=True).message
    with pytest.raises(Declined):
        room.consider(offer, local=False)


def test_an_evaluation_leaves_no_folder(tmp_path):
    room = room_in(tmp_path)
    model = str(model_in(tmp_path / "model"))
    request = EvaluateRequest(
        **{**TRAIN, "model": model, "original_model": model, "dataset": "none.csv", "file_format": "csv"}
    )
    with pytest.raises(TuningError, match=r"none\.csv"):
        room.evaluate(request, local=True, wait=True)
    assert list((tmp_path / "evaluations").iterdir()) == []


async def test_a_model_that_is_too_large_to_measure_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with loopback_hub() as loopback:
        monkeypatch.setattr(constants, "ENDPOINT", loopback.url)
        loopback.commit_model("a/b", {"config.json": b"{}", "model.safetensors": safetensors(4)})
        loopback.claimed["a/b", "model.safetensors"] = 10**15
        transport = httpx2.ASGITransport(app=service(room_in(tmp_path), Loopback()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7999") as http:
            body = {**TRAIN, "model": "a/b", "original_model": "a/b"}
            reply = await http.post("/evaluate/", json=body)
        assert (reply.status_code, "1000000 GB" in reply.text) == (413, True), reply.text
        assert not any("resolve" in one for one in loopback.requests)


@pytest.mark.usefixtures("hub")
def test_what_waits_is_counted_however_much_it_is(tmp_path):
    room = room_in(tmp_path, queue_size=1001)
    spec = TrainSpec(**TRAIN)
    for number in range(1001):
        room.store.add(Job(f"{number:032}", f"{number:032}", spec, "llama", hours=0.5))
    assert room.store.waiting("llama", "sft") == Waiting(1001, 500.5, 1001)
    assert room.store.waiting("llama", "dpo") == Waiting(1001, 500.5, 0)
    with pytest.raises(Declined, match="1001 jobs wait"):
        room.submit(spec, None, local=True)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/train/", json.dumps({**TRAIN, "validation": float("nan")}), 422),
        ("/train/", json.dumps({**TRAIN, "model": "\ud800"}), 422),
        ("/train/", json.dumps({**TRAIN, "dataset_type": {"field_instruction": "a"}}), 422),
        ("/train/", json.dumps({**TRAIN, "dataset": "a" * 5000}), 422),
        ("/train/", json.dumps({**TRAIN, "dataset": "a" * 300, "file_format": "csv"}), 400),
        ("/train/", json.dumps({**TRAIN, "dataset": "~nobody-here/x", "file_format": "csv"}), 400),
        (
            "/train/",
            json.dumps({**TRAIN, "dataset": "https://s3.example/r.json?" + "x" * 1500, "file_format": "s3"}),
            200,
        ),
        ("/train/", json.dumps({**TRAIN, "seed": 2**32}), 422),
        ("/train/", json.dumps({**TRAIN, "overrides": {"max_steps": 10**400}}), 400),
        ("/train/", json.dumps({**TRAIN, "rows": 10**400}), 422),
        (
            "/task_offer/",
            json.dumps(
                {
                    "model": "m",
                    "hours_to_complete": 1,
                    "task_id": "a",
                    "task_type": "DpoTask",
                    "ds_size": 10**400,
                }
            ),
            422,
        ),
        (
            "/task_offer/",
            json.dumps(
                {
                    "model": "m",
                    "hours_to_complete": 1,
                    "task_id": "a",
                    "task_type": "DpoTask",
                    "model_params_count": 10**400,
                }
            ),
            422,
        ),
    ],
)
async def test_odd_bodies_are_answered(tmp_path, path, body, status):
    app = service(room_in(tmp_path), Loopback())
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7999") as http:
        reply = await http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text


@pytest.mark.usefixtures("hub")
async def test_a_validator_ends_no_job(tmp_path):
    class Foreign(Loopback):
        local = False

    room = room_in(tmp_path)
    room.submit(TrainSpec(**TRAIN), "theirs", local=False)
    for callers, status in ((Foreign(), 403), (Loopback(), 200)):
        transport = httpx2.ASGITransport(app=service(room, callers))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7999") as http:
            assert (await http.post("/cancel/theirs")).status_code == status
