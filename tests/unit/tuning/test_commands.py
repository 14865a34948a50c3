"""`logicnet tune jobs`, `cancel` and `logs`, as they are typed, on a real queue."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from logicnet.cli import main
from logicnet.tuning import tables
from logicnet.tuning.folders import Folders
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import JobStore

NAME = "abcd" * 8
WORKER = "here/1/a"


class Queue:
    """A queue with one job in it, of which a worker has the lease."""

    def __init__(self, folder: Path) -> None:
        self.folders = Folders(folder)
        self.store: JobStore = self.folders.store()
        spec = TrainSpec(dataset="rows.json", model="org/model", dataset_type="alpaca", file_format="json")
        self.job = self.store.add(Job(NAME, "task-1", spec, "llama", created_s=time.time()))
        self.folders.job(NAME).mkdir(parents=True)

    def claim(self) -> None:
        assert self.store.claim(WORKER, time.time()) is not None
        assert self.store.move(NAME, WORKER, time.time(), JobState.RUNNING)

    def end(self, state: JobState = JobState.COMPLETED, **facts: Any) -> None:
        assert self.store.end(NAME, WORKER, time.time(), state, **facts)

    def say(self, kind: str, **facts: Any) -> None:
        with (self.folders.job(NAME) / "events.jsonl").open("a") as file:
            file.write(json.dumps({"at": time.time(), "kind": kind, **facts}) + "\n")

    def log(self, text: str) -> None:
        with (self.folders.job(NAME) / "trainer.log").open("a") as file:
            file.write(text)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tables, "_EVERY_S", 0.02)
    return Queue(tmp_path / "tuning")


@pytest.fixture
def tune(queue: Queue, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        """The exit status of `logicnet tune WORDS`, and what it printed."""
        status = main(["tune", *words, "--tuning.folder", str(queue.folders.root)])
        return (status, *capsys.readouterr())

    return run


def test_the_queue_and_one_job_are_shown(queue, tune):
    status, out, _ = tune("jobs")
    assert status == 0
    assert all(word in out for word in (NAME[:8], "sft", "org/model", "queued"))
    status, out, _ = tune("jobs", "task-1")
    assert status == 0 and "1 in the queue" in out
    assert tune("jobs", NAME[:6])[1] == out  # the beginning of its id


def test_jobs_as_json_are_a_line_each(queue, tune):
    queue.say("prepared", rows=18, validation=2, dropped={"in_test": 4}, warnings=["lr 1e-09 is below 1e-06"])
    for words in (("jobs", "--json"), ("jobs", NAME, "--json")):
        (line,) = tune(*words)[1].splitlines()
        found = json.loads(line)
        assert (found["job_id"], found["status"], found["state"]) == (NAME, "Queued", "queued")
        assert found["metrics"]["rows"] == {"trained": 18, "validation": 2, "dropped": {"in_test": 4}}
        assert found["advice"][0]["words"] == "lr 1e-09 is below 1e-06"


def test_a_job_is_followed_until_it_is_over(queue, tune):
    queue.claim()
    queue.say("prepared", rows=18, validation=2, dropped={"in_test": 4}, warnings=["rows are few"])
    queue.say("started", steps=10, resumed_from=None, device="cpu")
    shown = threading.Event()
    original = queue.store.get

    def end() -> None:
        shown.wait(60)
        queue.say("step", step=10, loss=0.5, lr=1e-3, epoch=1.0, memory=0.99)
        queue.say("eval", step=10, loss=0.25, best=True)
        queue.end(JobState.FAILED, reason="the disk is full")

    thread = threading.Thread(target=end)
    thread.start()
    real = tables.one_job

    def seen(*given: Any) -> Any:
        shown.set()  # the job is shown while it runs, and goes on
        return real(*given)

    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tables, "one_job", seen)
            status, out, _ = tune("jobs", NAME, "--follow")
    finally:
        shown.set()
        thread.join()
    assert status == 0
    last = out[out.rindex("state ") :]
    assert "failed" in last and "the disk is full" in last
    assert "10 of 10" in last and "0.25 at step 10" in last
    assert "18 to train on, 2 held out, dropped: 4 in_test" in last
    assert "rows are few" in last and "99% of the memory" in last
    assert original(NAME).state is JobState.FAILED


def test_a_waiting_job_is_cancelled_and_only_once(queue, tune):
    status, out, _ = tune("cancel", "task-1")
    assert (status, out) == (0, f"Job {NAME} is cancelled.\n")
    assert queue.store.get(NAME).state is JobState.CANCELLED
    status, _, err = tune("cancel", NAME)
    assert status == 1 and "is over (cancelled): there is nothing to end" in err


def test_the_worker_of_a_running_job_is_asked_to_stop_it(queue, tune):
    queue.claim()
    status, out, _ = tune("cancel", NAME)
    assert (status, out) == (0, f"Job {NAME} is being stopped.\n")
    assert queue.store.cancelled(NAME)
    assert queue.store.get(NAME).state is JobState.RUNNING


def test_a_log_is_printed_without_control_characters(queue, tune):
    assert "has no log yet: it is queued" in tune("logs", NAME)[2]
    queue.log("epoch 1\n\x1b[31mred\x07\nlast")
    status, out, _ = tune("logs", NAME)
    assert status == 0
    lines = out.splitlines()
    assert (lines[0], lines[2], "red" in lines[1]) == ("epoch 1", "last", True)
    assert "\x1b" not in out and "\x07" not in out


def test_a_log_is_followed_until_its_job_is_over(queue, tune, monkeypatch):
    queue.claim()
    steps = iter(
        (
            lambda: queue.log("first\nsecond, "),  # a line that is still written
            lambda: queue.log("whole\n"),
            lambda: (queue.log("third"), queue.end()),
        )
    )
    monkeypatch.setattr(tables.time, "sleep", lambda _seconds: next(steps)())
    status, out, _ = tune("logs", NAME, "--follow")
    assert (status, out.splitlines()) == (0, ["first", "second, whole", "third"])


@pytest.mark.parametrize("words", [("jobs", "none"), ("cancel", "none"), ("logs", "none")])
def test_an_unknown_job_is_told_with_what_lists_them(tune, words):
    status, out, err = tune(*words)
    assert (status, out) == (1, "")
    assert "job 'none' is not known: `logicnet tune jobs` lists them" in err


def test_a_folder_without_a_queue_is_told(tune, tmp_path, capsys):
    assert main(["tune", "jobs", "--tuning.folder", str(tmp_path / "none")]) == 1
    assert "--tuning.folder names another" in capsys.readouterr().err
