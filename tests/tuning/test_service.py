"""The documented request bodies against the real service, trainer and clients, on a hub of the loopback."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from logicnet._util.processes import Child, free_port
from tests.harness.hub import LoopbackHub, loopback_hub
from tests.harness.pictures import gradient
from tests.harness.tiny_models import TUNE_PYTHON, tiny_llama

ROOT = Path(__file__).parents[2]
WAIT_S = 600.0  # the machine may be busy with other things

DATASET_TYPE = {
    "system_prompt": "you are helpful",
    "system_format": "{system}",
    "field_system": "text",
    "field_instruction": "instruction",
    "field_input": "input",
    "field_output": "output",
}
TRAIN = {
    "dataset": "mhenrichsen/alpaca_2k_test",
    "model": "unsloth/Llama-3.2-3B-Instruct",
    "dataset_type": DATASET_TYPE,
    "file_format": "hf",
}
"""The train request of the tuning subnet's documents, word for word."""

EVALUATE = TRAIN | {"original_model": "unsloth/Llama-3.2-3B-Instruct"}
"""Its evaluate request."""

QUICK = {"overrides": {"max_length": 96, "max_steps": 4, "epochs": 1, "batch": 4, "accumulate": 1, "r": 4}}


@dataclass
class Service:
    """A running service; `http` speaks with it."""

    http: httpx2.Client
    hub: LoopbackHub
    folder: Path
    child: Child

    def ended(self, job_id: str) -> dict[str, Any]:
        """The state of a job, once it is over."""
        end_s = time.monotonic() + WAIT_S
        while True:
            found: dict[str, Any] = self.http.get(f"/status/{job_id}").json()
            if found["status"] in ("Completed", "Failed"):
                return found
            assert time.monotonic() < end_s, found
            time.sleep(0.3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("model") / "llama")


@contextmanager
def serving(folder: Path, hub: LoopbackHub, *flags: str) -> Iterator[Service]:
    port = free_port()
    argv = [sys.executable, str(ROOT / "main.py"), "--tuning.port", str(port)]
    argv += ["--tuning.folder", str(folder / "tuning"), *flags]
    given = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
    env = os.environ | given | {"OMP_NUM_THREADS": "1"}
    with Child.start("the service", argv, log=folder / "service.log", env=env, cwd=folder) as child:
        child.wait_for(f"http://127.0.0.1:{port}/health", within_s=WAIT_S)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S, trust_env=False) as http:
            yield Service(http, hub, folder / "tuning", child)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Service]:
    rows = [
        {"instruction": f"Add {n} and {n + 3}.", "input": "", "output": f"{2 * n + 3}", "text": ""}
        for n in range(40)
    ]
    with loopback_hub() as hub:
        hub.add_model(TRAIN["model"], model)  # type: ignore[arg-type]
        hub.add_dataset(TRAIN["dataset"], {"train.jsonl": "\n".join(map(json.dumps, rows)).encode()})  # type: ignore[arg-type]
        with serving(tmp_path_factory.mktemp("service"), hub, "--tuning.queue_size", "2") as found:
            yield found


def test_the_documented_train_request_trains_and_the_result_is_a_finetune(service: Service):
    reply = service.http.post("/train/", json=TRAIN | QUICK | {"task_id": "documented"})
    assert reply.status_code == 200, reply.text
    assert reply.json()["message"] == "Training job enqueued."
    found = service.ended(reply.json()["job_id"])
    assert (found["status"], found["error_message"]) == ("Completed", None)
    assert found["result"]["best_loss"] < found["result"]["first_loss"]
    adapter = Path(found["adapter"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == TRAIN["model"]
    evaluated = service.http.post("/evaluate/", json=EVALUATE | {"model": str(adapter)}).json()
    assert (evaluated["is_finetune"], evaluated["verdict"]) == (True, "finetune")
    assert evaluated["eval_results"]["perplexity"] > 1
    submitted = service.http.get("/get_latest_model_submission/documented").json()
    assert submitted["model_hash"] == found["result"]["model_hash"]


def test_pictures_beside_their_texts_train_an_image_model(service: Service, tmp_path: Path):
    words = [TUNE_PYTHON, "-m", "tests.harness.tiny_diffusion", tmp_path]
    subprocess.run(
        words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True
    )
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(6):
        (pictures / f"{number}.png").write_bytes(gradient(number))
        (pictures / f"{number}.txt").write_text(f"square {number}")
    small = {"max_steps": 2, "batch": 1, "accumulate": 1, "r": 2, "resolution": 64, "evaluations": 1}
    body = {
        "dataset": str(pictures),
        "model": str(tmp_path / "sd"),
        "dataset_type": {"image_family": "sd"},
        "file_format": "json",
        "overrides": small,
    }
    reply = service.http.post("/train/", json=body)
    assert reply.status_code == 200, reply.text
    found = service.ended(reply.json()["job_id"])
    assert (found["status"], found["error_message"]) == ("Completed", None)


def test_the_documented_evaluate_request_finds_the_original_unchanged(service: Service):
    found = service.http.post("/evaluate/", json=EVALUATE).json()
    assert (found["is_finetune"], found["verdict"]) == (False, "identical")
    measured = found["eval_results"]
    assert measured["eval_loss"] == measured["original_loss"] > 0
    assert measured["perplexity"] == pytest.approx(math.exp(measured["eval_loss"]))
    assert measured["rows"] == 40 < measured["tokens"]


def test_the_same_task_is_the_same_job_and_another_content_conflicts(service: Service):
    body = TRAIN | QUICK | {"task_id": "twice"}
    first = service.http.post("/train/", json=body).json()["job_id"]
    assert service.http.post("/train/", json=body).json()["job_id"] == first
    assert service.http.post("/train/", json=body | {"seed": 7}).status_code == 409
    service.http.post(f"/cancel/{first}")
    assert service.ended(first)["state"] in ("cancelled", "completed")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (TRAIN | {"dataset": " "}, 400, "Dataset and model are required."),
        ({**TRAIN, "dataset_type": "novel"}, 422, "dataset_type"),
        ({**TRAIN, "file_format": "exe"}, 422, "file_format"),
        (TRAIN | {"task_id": "../../etc/passwd"}, 422, "task_id"),
        (TRAIN | {"hours_to_complete": -1}, 422, "hours_to_complete"),
        (TRAIN | {"learning_rate": 1}, 422, "learning_rate"),
        (TRAIN | {"overrides": {"learning_rte": 1}}, 400, "learning_rte"),
        (TRAIN | {"model": "nobody/nothing"}, 400, "nobody/nothing"),
        (TRAIN | {"file_format": "csv", "dataset": "/none.csv"}, 400, "/none.csv does not exist"),
        (TRAIN | {"preset": "quick_tets"}, 400, "quick_test"),
        (TRAIN | {"hours_to_complete": 200.0}, 403, "MAX_TEXT_TASK_HOURS"),
    ],
)
def test_a_wrong_request_is_told_at_once_what_is_wrong(service: Service, body: Any, status: int, words: str):
    reply = service.http.post("/train/", json=body)
    assert (reply.status_code, words in reply.text) == (status, True), reply.text
    assert "Traceback" not in reply.text


def test_a_missing_column_is_told_at_once_with_those_that_are_there(service: Service, tmp_path: Path):
    rows = tmp_path / "rows.csv"
    rows.write_text("question,answer\n1+1,2\n2+2,4\n")
    reply = service.http.post("/train/", json=TRAIN | {"dataset": str(rows), "file_format": "csv"})
    assert reply.status_code == 400
    assert "'text'" in reply.text and "question" in reply.text


def test_a_body_of_ten_megabytes_is_refused(service: Service):
    reply = service.http.post("/train/", json=TRAIN | {"preset": "x" * 10_000_000})
    assert (reply.status_code, reply.json()["reason"]) == (413, "too_large")


def test_unknown_jobs_are_not_found(service: Service):
    for path in ("/status/none", "/status/..%2f..%2fetc", "/get_latest_model_submission/none"):
        assert service.http.get(path).status_code == 404, path
    assert service.http.get("/status/none").json() == {"detail": "Job ID not found"}
    assert service.http.get("/training_repo/text").status_code == 404


def test_pages_of_a_browser_may_not_call(service: Service):
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert service.http.post("/train/", json=TRAIN, headers=headers).status_code == 401


def test_offers_are_answered_and_refusals_counted(service: Service):
    offer = {
        "ds_size": 1000,
        "model": TRAIN["model"],
        "hours_to_complete": 10.0,
        "task_id": "b2bd2f0c-6a9f-4b4c-a4a5-000000000000",
        "task_type": "InstructTextTask",
        "model_params_count": 3_000_000,
        "later_field": True,
    }
    taken = service.http.post("/task_offer/", json=offer).json()
    assert taken["accepted"] is True, taken
    late = service.http.post("/task_offer/", json=offer | {"hours_to_complete": 100.0}).json()
    assert late["accepted"] is False and "MAX_TEXT_TASK_HOURS" in late["message"]
    assert 'logicnet_tuning_refused_total{reason="too_long"}' in service.http.get("/metrics").text


def test_a_started_training_of_a_validator_waits_in_the_same_queue(service: Service):
    asked = {"task_id": "god-1", "hours_to_complete": 1.0, "expected_repo_name": "a/repo", "later_field": 1}
    body = TRAIN | asked
    reply = service.http.post("/start_training/", json=body)
    assert reply.json() == {"message": "Training job enqueued.", "task_id": "god-1"}
    assert service.http.get("/get_latest_model_submission/god-1").status_code == 202
    assert service.http.post("/cancel/god-1").status_code == 200
    assert service.ended("god-1")["state"] == "cancelled"
    assert service.http.post("/cancel/god-1").status_code == 404


def test_a_full_queue_says_when_to_come_again(service: Service):
    replies = [service.http.post("/train/", json=TRAIN | {"task_id": f"full-{n}"}) for n in range(5)]
    full = [one for one in replies if one.status_code == 429]
    assert full and all("Retry-After" in one.headers and "MAX_QUEUE_SIZE" in one.text for one in full)
    for number in range(5):
        service.http.post(f"/cancel/full-{number}")
    for number, reply in enumerate(replies):
        if reply.status_code == 200:
            assert service.ended(f"full-{number}")["state"] == "cancelled"


def test_a_hub_that_is_away_is_told_and_a_token_is_named_but_never_shown(service: Service):
    service.hub.gated.add("maker/gated")
    files = {"config.json": b'{"model_type": "llama"}', "model.safetensors": b"\x02" + bytes(7) + b"{}"}
    service.hub.repositories["models", "maker/gated"] = files
    reply = service.http.post("/train/", json=TRAIN | {"model": "maker/gated"})
    assert reply.status_code == 400 and "HF_TOKEN" in reply.text
    service.hub.broken = True
    try:
        reply = service.http.post("/train/", json=TRAIN | {"model": "maker/other"})
        assert (reply.status_code, "hub" in reply.text) == (400, True), reply.text
    finally:
        service.hub.broken = False


def test_a_model_of_pickles_is_refused_before_anything_is_loaded(service: Service):
    service.hub.repositories["models", "maker/pickle"] = {
        "config.json": b'{"model_type": "llama"}',
        "pytorch_model.bin": b"\x80\x04.",
    }
    reply = service.http.post("/train/", json=TRAIN | {"model": "maker/pickle"})
    assert reply.status_code == 400 and "safetensors" in reply.text
