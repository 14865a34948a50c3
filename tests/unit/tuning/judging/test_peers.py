"""Miners over HTTP, as a scripted server plays them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from logicnet.tuning.judging.peers import MinerSilent, is_local, offer, submission
from logicnet.tuning.judging.task import JudgedMiner, JudgingTask
from logicnet.tuning.spec import ChatType, CustomType, DpoType
from logicnet.tuning.wire import MinerTaskOffer, StartTraining

TASK = JudgingTask(
    id="task-1",
    model="org/model",
    dataset_type="instruct",
    group=("a", "b"),
    created_s=0.0,
    deadline_s=3600.0,
    hours=1.0,
    seed=1,
    train_rows=500,
    test_rows=50,
    dropped={},
    synthetic="reworded by rules",
    twins=True,
)


class Scripted(ThreadingHTTPServer):
    """Replies to each path as it is told to; keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, tuple[int, Any]] = {}
        self.sent: list[tuple[str, Any, str | None]] = []

    @property
    def miner(self) -> JudgedMiner:
        return JudgedMiner(name="a", url=f"http://127.0.0.1:{self.server_port}/", token="secret-token")


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _reply(self, sent: Any) -> None:
        self.server.sent.append((self.path, sent, self.headers["Authorization"]))
        status, content = self.server.replies.get(self.path, (500, {"detail": "not scripted"}))
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as found:
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.shutdown()


def test_a_miner_that_accepts_is_told_to_begin(server):
    server.replies = {
        "/task_offer/": (200, {"message": "Yes.", "accepted": True}),
        "/start_training/": (200, {"message": "begun", "task_id": "task-1"}),
    }
    found = offer(server.miner, TASK, dataset="https://x/train.jsonl", file_format="s3")
    assert (found.accepted, found.message) == (True, "begun")
    asked, begun = (sent for _, sent, _ in server.sent)
    assert (asked["task_type"], asked["ds_size"], asked["hours_to_complete"]) == (
        "InstructTextTask",
        500,
        1.0,
    )
    assert (begun["dataset"], begun["file_format"], begun["task_id"]) == (
        "https://x/train.jsonl",
        "s3",
        "task-1",
    )
    assert {token for _, _, token in server.sent} == {"Bearer secret-token"}


@pytest.mark.parametrize(
    ("kind", "task_type"),
    [
        ("pretrain", "PretrainTask"),
        (ChatType(chat_column="messages"), "ChatTask"),
        (DpoType(), "DpoTask"),
        (CustomType(field_instruction="q", field_output="a"), "InstructTextTask"),
    ],
)
def test_what_is_sent_is_what_a_training_service_takes(server, kind, task_type):
    server.replies = {
        "/task_offer/": (200, {"message": "Yes.", "accepted": True}),
        "/start_training/": (200, {"message": "begun", "task_id": "task-1"}),
    }
    task = TASK.model_copy(update={"dataset_type": kind})
    offer(server.miner, task, dataset="https://x/train.jsonl", file_format="s3")
    asked, begun = (sent for _, sent, _ in server.sent)
    assert MinerTaskOffer.model_validate(asked).task_type == task_type
    assert StartTraining.model_validate(begun).spec().dataset_type == kind


def test_a_miner_that_refuses_is_not_told_to_begin(server):
    server.replies = {"/task_offer/": (200, {"message": "the queue\nis full", "accepted": False})}
    found = offer(server.miner, TASK, dataset="x", file_format="hf")
    assert (found.accepted, found.message) == (False, "the queue is full")
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "reply",
    [(500, {"detail": "down"}), (200, b"<html>"), (200, b"[" * 200_000), (200, [1]), (403, {"detail": "no"})],
)
def test_a_miner_that_does_not_answer_as_it_should_is_one_line(server, reply):
    server.replies = {"/task_offer/": reply}
    with pytest.raises(MinerSilent, match="miner a") as error:
        offer(server.miner, TASK, dataset="x", file_format="hf")
    assert "\n" not in str(error.value)
    assert "secret-token" not in str(error.value)


def test_a_miner_whose_reply_never_ends_holds_up_nobody(server, monkeypatch):
    monkeypatch.setattr("logicnet.tuning.judging.peers._MOST_REPLY_S", -1.0)
    server.replies = {"/task_offer/": (200, {"accepted": False})}
    with pytest.raises(MinerSilent, match="miner a: /task_offer/ replies for over"):
        offer(server.miner, TASK, dataset="x", file_format="hf")


def test_a_miner_that_is_not_there_is_one_line(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(MinerSilent, match="start its service"):
        submission(server.miner, TASK, None)


@pytest.mark.parametrize("reply", [(202, {"repo": None, "state": "running"}), (404, {"detail": "unknown"})])
def test_a_miner_that_is_not_done_has_no_submission_yet(server, reply):
    server.replies = {"/get_latest_model_submission/task-1": reply}
    assert submission(server.miner, TASK, None) is None


def test_a_miner_of_this_machine_gives_its_folder_and_its_curve(server, tmp_path):
    server.replies = {
        "/get_latest_model_submission/task-1": (200, {"repo": None, "model_hash": "x"}),
        "/status/task-1": (200, {"adapter": str(tmp_path), "metrics": {"held_out": [[1, 3.0], [2, 2.5]]}}),
    }
    found = submission(server.miner, TASK, None)
    assert found is not None
    assert (found.folder, found.curve) == (tmp_path, ((1.0, 3.0), (2.0, 2.5)))


@pytest.mark.parametrize(
    "curve", ["x", [[1]], [["a", 1]], [[1, None]], [[True, 1.0]], [[1, 1e300]], {"a": 1}, [[1, 2.0]] * 20_000]
)
def test_of_a_curve_only_numbers_are_believed(server, tmp_path, curve):
    server.replies = {
        "/get_latest_model_submission/task-1": (200, {"repo": None, "model_hash": "x"}),
        "/status/task-1": (200, {"adapter": str(tmp_path), "metrics": {"held_out": curve}}),
    }
    found = submission(server.miner, TASK, None)
    assert found is not None
    assert found.curve == ()


@pytest.mark.parametrize("repo", [None, "", 7, ["a"]])
def test_a_miner_without_a_repository_or_a_folder_has_submitted_nothing(server, repo):
    server.replies = {
        "/get_latest_model_submission/task-1": (200, {"repo": repo}),
        "/status/task-1": (200, {"adapter": "/does/not/exist"}),
    }
    with pytest.raises(MinerSilent, match="names no repository"):
        submission(server.miner, TASK, None)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:7999", True),
        ("http://localhost:7999", True),
        ("http://[::1]:7999", True),
        ("http://10.0.0.1:7999", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_who_is_on_this_machine(url, local):
    assert is_local(JudgedMiner(name="a", url=url)) is local
