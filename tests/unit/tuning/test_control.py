"""What callers may ask of the control room, over HTTP and without."""

import json
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import psutil
import pytest
from huggingface_hub import constants

from logicnet.errors import TuningError
from logicnet.settings import TuningSettings
from logicnet.tuning import control
from logicnet.tuning.callers import Loopback
from logicnet.tuning.control import ControlRoom, Declined
from logicnet.tuning.estimate import memory_of
from logicnet.tuning.facts import ModelFacts
from logicnet.tuning.folders import Folders
from logicnet.tuning.hub import TooLarge
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import TIME_SHARE, Job, JobState, MemoryTaken, OwnFault
from logicnet.tuning.presets import plan_of
from logicnet.tuning.service import service
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import Waiting
from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.wire import EvaluateRequest, MinerTaskOffer
from logicnet.tuning.workshop import Workshop
from tests.harness.hub import loopback_hub, safetensors
from tests.harness.scripted_nvml import ScriptedNvml

GB = 10**9
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


@contextmanager
def training(folder: Path, job: Job, megabytes: int) -> Iterator[None]:
    """A process that holds memory, as the trainer of a job does."""
    code = f"held = bytearray(b'1') * {megabytes << 20}; print(flush=True); input()"
    home = {"HOME": str(folder / "jobs" / job.id / "home")}
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def memory(monkeypatch: pytest.MonkeyPatch, available: float) -> None:
    """So many bytes are free on a machine without a GPU."""
    monkeypatch.setitem(sys.modules, "pynvml", ScriptedNvml(broken="no driver"))
    found = SimpleNamespace(total=64 * GB, available=int(available))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: found)


@pytest.fixture(autouse=True)
def datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that has every dataset."""
    monkeypatch.setattr(control.hub, "refuse_dataset", lambda *_: None)


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


def test_a_stranger_is_not_told_which_files_there_are(tmp_path):
    (tmp_path / "there").mkdir()
    said = set()
    for name in ("there", "none"):
        facts = {"dataset_type": {"image_family": "sd"}, "file_format": "hf", "original_model": "a/b"}
        request = EvaluateRequest(**TRAIN | facts | {"dataset": str(tmp_path / name)})
        with pytest.raises(TuningError) as error:
            room_in(tmp_path).evaluate(request, local=False, wait=True)
        said.add(str(error.value).replace(name, ""))
    assert len(said) == 1


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
        assert not any("resolve" in one and "config.json" not in one for one in loopback.requests)


@pytest.mark.parametrize(
    ("free", "trains", "status", "says"),
    [
        (33 * GB, False, 400, "none.csv does not exist"),  # it fits, whatever the size of its repository
        (32 * GB - (200 << 20), True, 503, "it takes 32.0 GB of memory, 31.8 GB are free: try again when"),
        (32 * GB - (200 << 20), False, 413, "it takes 32.0 GB of memory, this machine has 31.8 GB: take a"),
    ],
)
async def test_an_evaluation_is_refused_by_the_memory_that_its_model_takes_and_not_by_its_files(
    tmp_path, monkeypatch, free, trains, status, says
):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    memory(monkeypatch, free)
    room = room_in(tmp_path)
    job = Job("a" * 32, "a" * 32, TrainSpec(**TRAIN), "llama")
    with loopback_hub() as loopback, training(tmp_path, job, 400) if trains else nullcontext():
        monkeypatch.setattr(constants, "ENDPOINT", loopback.url)
        template = loopback.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        stored = ("model.safetensors", "consolidated.safetensors")  # twice, in 32 bits
        weights = safetensors(8 * 10**9, "F32")
        loopback.commit_model("a/b", {"config.json": b"{}"} | dict.fromkeys(stored, weights))
        loopback.claimed |= {("a/b", one): 32 * GB for one in stored}
        body = TRAIN | {"model": "a/b", "original_model": "a/b", "dataset": "none.csv", "file_format": "csv"}
        reply = await post(room, "/evaluate/", body)
        assert (reply.status_code, says in reply.text) == (status, True), reply.text
        fetched = any("resolve" in one and "model.safetensors" in one for one in loopback.requests)
        assert fetched is (status == 400)
    room.close()


@pytest.mark.usefixtures("hub")
async def test_a_strangers_dataset_is_bounded_when_it_is_named_and_when_it_is_fetched(tmp_path, monkeypatch):
    bounds: list[int | None] = []
    ran: list[list[str]] = []

    def refuse(_name: str, _token: str | None, most: int | None = None) -> None:
        bounds.append(most)
        if most is not None:
            raise TooLarge("too much")

    def run(words: list[str], **_: Any) -> Any:
        ran.append(words)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(control.hub, "refuse_dataset", refuse)
    monkeypatch.setattr(subprocess, "run", run)
    room = room_in(tmp_path)
    spec = TrainSpec(**TRAIN)
    few = spec.model_copy(update={"rows": 5})
    ours, theirs = room.submit(spec, "ours", local=True), room.submit(few, "theirs", local=False)
    assert (ours.spec.foreign, theirs.spec.foreign, bounds) == (False, True, [None, None])
    for one in (ours, theirs):
        room._shop.source(one.spec, tmp_path)
    assert ["--most-bytes" in words for words in ran] == [False, True]
    with pytest.raises(TooLarge):
        room._shop.source(spec.model_copy(update={"foreign": True}), tmp_path)
    assert (len(ran), bounds[2] is not None) == (2, True)
    with pytest.raises(TooLarge):
        room.submit(spec, "whole", local=False)


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


async def post(room: ControlRoom, path: str, body: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=service(room, Loopback()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7999") as http:
        return await http.post(path, json=body)


@pytest.mark.parametrize(("engine", "status"), [("local", 503), ("ray", 200)])
async def test_a_cluster_is_not_judged_by_the_machine_that_keeps_its_queue(
    monkeypatch, tmp_path, engine, status
):
    llama = {"hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 128_256, "model_type": "llama"}
    monkeypatch.setattr(control, "facts_of", lambda name, _: ModelFacts.of(name, llama, 8e9))
    memory(monkeypatch, 8 * GB)
    room = room_in(tmp_path, engine=engine, ray_address="http://127.0.0.1:1")
    reply = await post(room, "/train/", TRAIN | {"hours_to_complete": 1.0})
    assert reply.status_code == status, reply.text
    offer = {"model": "org/llama", "hours_to_complete": 1.0, "task_id": "a", "task_type": "InstructTextTask"}
    assert (await post(room, "/task_offer/", offer)).json()["accepted"] is (status == 200)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"accepted_families": "sdxl"}, "ACCEPTED_MODEL_FAMILIES"), ({}, "MAX_TEXT_TASK_HOURS")],
)
@pytest.mark.usefixtures("hub")
async def test_a_cluster_takes_no_job_that_the_settings_refuse(tmp_path, settings, says):
    room = room_in(tmp_path, engine="ray", ray_address="http://127.0.0.1:1", **settings)
    reply = await post(room, "/train/", TRAIN | {"hours_to_complete": 13.0})
    assert (reply.status_code, says in reply.text) == (403, True), reply.text


async def test_a_job_for_which_another_must_end_first_waits_in_the_queue(monkeypatch, tmp_path):
    model = str(model_in(tmp_path / "model"))
    rows = ({"instruction": f"{n} + 1", "output": f"{n + 1}"} for n in range(4))
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    body = TRAIN | {"model": model, "dataset": str(tmp_path / "rows.jsonl"), "file_format": "jsonl"}
    body["overrides"] = {"batch": 1, "accumulate": 1}
    room, megabytes = room_in(tmp_path), 400
    memory(monkeypatch, 60 * GB)
    first = room.job((await post(room, "/train/", body)).json()["job_id"])
    assert first is not None
    room.store.claim("w", first.created_s)
    facts = control.facts_of(model)
    plan = plan_of("llama", facts.parameters, overrides=first.spec.overrides)
    need = memory_of(plan, "sft", facts)
    memory(monkeypatch, need - (megabytes << 19))
    refused = await post(room, "/train/", body | {"seed": 1})
    assert (refused.status_code, "GB of memory" in refused.text) == (503, True), refused.text
    with training(tmp_path, first, megabytes):
        reply = await post(room, "/train/", body | {"seed": 2})
        assert reply.status_code == 200, reply.text
        second = room.job(reply.json()["job_id"])
        assert second is not None and second.state is JobState.QUEUED
        folder = tmp_path / "jobs" / second.id
        folder.mkdir(parents=True)
        with pytest.raises(MemoryTaken, match="until other jobs have ended"):
            await room._shop.prepare(second, folder)
    memory(monkeypatch, need)
    await room._shop.prepare(second, folder)
    assert (folder / "job.json").exists()


async def test_a_request_does_not_choose_its_family(tmp_path):
    room = room_in(tmp_path, accepted_families="sdxl")
    model = str(model_in(tmp_path / "model"))
    body = TRAIN | {"model": model, "dataset_type": {"image_family": "sdxl"}, "dataset": str(tmp_path)}
    reply = await post(room, "/train/", body | {"file_format": "json"})
    assert (reply.status_code, "is a llama" in reply.text) == (400, True), reply.text
    offer = {"model": model, "hours_to_complete": 1.0, "task_id": "a", "task_type": "ImageTask"}
    assert "is a llama" in (await post(room, "/task_offer_image/", offer)).json()["message"]


@pytest.mark.usefixtures("hub")
async def test_every_refusal_says_why_and_is_counted(monkeypatch, tmp_path):
    room = room_in(tmp_path, queue_size=1)
    first = TRAIN | {"task_id": "first"}
    big = TRAIN | {"preset": "x" * 2**21}
    for path, body, status, reason in (
        ("/train/", TRAIN | {"dataset": " "}, 400, "request"),
        ("/train/", TRAIN | {"overrides": {"learning_rte": 1}}, 400, "request"),
        ("/train/", TRAIN | {"hours_to_complete": 13.0}, 403, "too_long"),
        ("/train/", TRAIN | {"file_format": "exe"}, 422, "invalid"),
        ("/train/", big, 413, "too_large"),
        ("/train/", first, 200, None),
        ("/train/", first | {"seed": 7}, 409, "conflict"),
        ("/train/", TRAIN, 429, "queue_full"),
        ("/start_training/", TRAIN | {"task_id": "second", "hours_to_complete": 9}, 429, "queue_full"),
    ):
        before = room.refusals.get(reason, 0)
        reply = await post(room, path, body)
        assert (reply.status_code, reply.json().get("reason")) == (status, reason), reply.text
        assert room.refusals.get(reason, 0) == before + (reason is not None)
        assert ("Retry-After" in reply.headers) is (status == 429)
    monkeypatch.setattr(Workshop, "evaluate", lambda *_, **_kw: time.sleep(1))
    evaluation = TRAIN | {"original_model": "org/llama"}
    waits = await post(room, "/evaluate/?wait=false", evaluation)
    full = await post(room, "/evaluate/?wait=false", evaluation)
    assert (waits.status_code, full.status_code, full.json()["reason"]) == (200, 429, "queue_full")
    assert "Retry-After" in full.headers
    room.close()


async def test_an_offer_of_a_model_that_does_not_exist_is_counted_as_refused(tmp_path):
    room = room_in(tmp_path)
    offer = {"model": "/none", "hours_to_complete": 1.0, "task_id": "a", "task_type": "DpoTask"}
    assert (await post(room, "/task_offer/", offer)).json()["accepted"] is False
    assert room.refusals == {"request": 1}


@pytest.mark.usefixtures("hub")
async def test_priority_orders_the_jobs_of_the_operator_and_not_those_of_validators(tmp_path):
    room = room_in(tmp_path)
    last, first = [
        (await post(room, "/train/", TRAIN | {"seed": n, "priority": n})).json()["job_id"] for n in (0, 1)
    ]
    assert [one.id for one in room.store.jobs(over=False)] == [first, last]
    assert (await post(room, "/train/", TRAIN | {"priority": 2})).status_code == 422
    ranked, plain = (
        room.submit(TrainSpec(**TRAIN, seed=n), None, local=False, rank=rank)
        for n, rank in ((2, 1), (3, None))
    )
    assert ranked.priority == plain.priority


@pytest.mark.usefixtures("hub")
async def test_no_repository_is_named_to_which_nothing_was_uploaded(tmp_path):
    room = room_in(tmp_path)
    job = room.submit(TrainSpec(**TRAIN, repo="a/repo"), "theirs", local=False)
    room.store.claim("w", job.created_s)
    room.store.end(job.id, "w", job.created_s, JobState.COMPLETED, result={"model_hash": "ab"})
    transport = httpx2.ASGITransport(app=service(room, Loopback()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7999") as http:
        found = (await http.get("/get_latest_model_submission/theirs")).json()
        status = (await http.get("/status/theirs")).json()
    assert (found["repo"], found["model_hash"], "uploads none" in found["detail"]) == (None, "ab", True)
    assert (status["repo"], status["expected_repo_name"]) == (None, "a/repo")


CHAT = {"chat_column": "messages"}


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"dataset_type": CHAT | {"chat_template": "chatlm"}},
            "'chatlm' is not known: use chatml, llama3 or",
        ),
        ({"dataset_type": {"field_instruction": "a", "field_output": "b", "format": "{nope}"}}, "nope"),
        ({"dataset_type": {"prompt_format": "{nope}"}}, "nope"),
        ({"dataset_type": {"image_family": "sd"}}, "pictures are read from a folder or a zip"),
    ],
)
async def test_what_no_row_can_mend_is_told_at_once(tmp_path, asked, says):
    for path, more in (("/train/", {}), ("/evaluate/", {"original_model": "org/llama"})):
        room = room_in(tmp_path)
        reply = await post(room, path, TRAIN | asked | more)
        assert (reply.status_code, says in reply.text) == (400, True), reply.text
        assert sum(room.refusals.values()) == 1


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("template", ["chatml", "llama3", "{{ messages }}", None])
async def test_a_template_that_is_known_is_taken(tmp_path, template):
    reply = await post(
        room_in(tmp_path), "/train/", TRAIN | {"dataset_type": CHAT | {"chat_template": template}}
    )
    assert reply.status_code == 200, reply.text


@pytest.mark.usefixtures("hub")
async def test_a_dataset_that_the_hub_does_not_give_is_refused_at_once(monkeypatch, tmp_path):
    def refuse(name: str, *_: Any) -> None:
        raise TuningError(f"dataset {name}: the hub has no such repository")

    monkeypatch.setattr(control.hub, "refuse_dataset", refuse)
    room = room_in(tmp_path)
    reply = await post(room, "/train/", TRAIN)
    assert (reply.status_code, "org/rows" in reply.text, room.totals()) == (400, True, {})


async def test_waiting_and_fetching_take_of_the_hours_of_a_job(monkeypatch, tmp_path):
    model = str(model_in(tmp_path / "model"))
    rows = ({"instruction": f"{n} + 1", "output": f"{n + 1}"} for n in range(4))
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    room, folder = room_in(tmp_path), tmp_path / "job"
    folder.mkdir()
    asked = TRAIN | {"model": model, "dataset": str(tmp_path / "rows.jsonl"), "file_format": "jsonl"}
    job = Job("0" * 32, "a", TrainSpec(**asked, hours=1.0), "llama", created_s=time.time() - 1800)
    memory(monkeypatch, 60 * GB)
    await room._shop.prepare(job, folder)
    seconds = JobFile.read(folder).stopping.seconds
    assert seconds is not None and 0 < seconds <= TIME_SHARE * 3600 - 1800

    def slow(shop: Workshop, spec: TrainSpec, to: Path) -> Path:
        later_s = time.time() + 1800
        monkeypatch.setattr(time, "time", lambda: later_s)
        return tmp_path / "rows.jsonl"

    monkeypatch.setattr(Workshop, "source", slow)
    with pytest.raises(OwnFault, match=r"its 1 hours were over before its model and rows were fetched: give"):
        await room._shop.prepare(job, folder)
    with pytest.raises(OwnFault, match=r"were over before its turn came: give it more hours_to_complete"):
        await room._shop.prepare(replace(job, created_s=job.created_s - 3600), folder)
