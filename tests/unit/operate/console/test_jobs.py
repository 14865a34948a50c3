"""The page of training jobs: every word of strangers escaped, also before there is a queue."""

import json
from pathlib import Path

from logicnet.operate.console import jobs
from logicnet.tuning.folders import Folders
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import TrainSpec

EVIL = "<script>alert(1)</script>"


def queued(folders: Folders, job_id: str, state: JobState = JobState.RUNNING) -> Job:
    spec = TrainSpec(dataset=EVIL, model=EVIL, dataset_type="alpaca", file_format="json")
    job = Job(id=job_id, task_id=job_id, spec=spec, family="llama", state=state, created_s=1.0, reason=EVIL)
    return folders.store().add(job)


def trained(folders: Folders, job_id: str) -> None:
    events = [
        {"kind": "started", "steps": 10, "resumed_from": None, "device": "cpu"},
        {"kind": "step", "step": 5, "loss": 1.25, "lr": 1e-4},
        {"kind": "eval", "step": 5, "loss": 1.5, "perplexity": 4.48, "best": True},
        {"kind": "warning", "message": EVIL},
    ]
    folder = folders.job(job_id)
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("".join(json.dumps({"at": 1.0, **one}) + "\n" for one in events))


def test_without_a_queue_it_says_how_to_begin(tmp_path: Path):
    now = jobs.snapshot(Folders(tmp_path / "none"))
    assert "logicnet tune run" in jobs.queue(now)
    assert "appear here" in jobs.about(now, None)
    assert [one["data"] for one in jobs.losses(now, None)["series"]] == [[], []]


def test_jobs_are_listed_and_the_one_that_has_begun_is_shown(tmp_path: Path):
    folders = Folders(tmp_path)
    queued(folders, "a" * 32, JobState.QUEUED)
    queued(folders, "b" * 32)
    trained(folders, "b" * 32)
    now = jobs.snapshot(folders)
    page = jobs.queue(now) + jobs.about(now, None)
    assert "aaaaaaaa" in page and "bbbbbbbb" in page and "best held-out loss 1.5 at step 5" in page
    assert f'data-job="{"b" * 32}"' in page
    assert "width:50%" in page
    assert EVIL not in page and "&lt;script&gt;" in page
    trained_curve, held_out = (one["data"] for one in jobs.losses(now, None)["series"])
    assert (trained_curve, held_out) == ([[5, 1.25]], [[5, 1.5]])


def test_the_chosen_job_is_shown_and_one_that_is_unknown_is_not(tmp_path: Path):
    folders = Folders(tmp_path)
    for letter in "ab":
        queued(folders, letter * 32)
        trained(folders, letter * 32)
    now = jobs.snapshot(folders)
    assert f'data-job="{"a" * 32}"' in jobs.about(now, "a" * 32)
    assert "data-job" in jobs.about(now, "../../etc/passwd")


def test_a_queue_that_cannot_be_read_is_said(tmp_path: Path):
    folders = Folders(tmp_path)
    folders.queue.write_bytes(b"not a database at all, but long enough to be one" * 20)
    page = jobs.queue(jobs.snapshot(folders))
    assert "cannot be read" in page and str(folders.queue) in page


def test_only_what_is_new_is_read_again(tmp_path: Path):
    folders = Folders(tmp_path)
    queued(folders, "a" * 32)
    trained(folders, "a" * 32)
    known: dict[str, Progress] = {"gone": Progress(tmp_path)}
    first = jobs.snapshot(folders, known).jobs[0][1]
    with (folders.job("a" * 32) / "events.jsonl").open("a") as file:
        file.write('{"at": 2, "kind": "step", "step": 6, "loss": 1.2}\n')
    again = jobs.snapshot(folders, known).jobs[0][1]
    assert again is first and again.step == 6
    assert list(known) == ["a" * 32]
