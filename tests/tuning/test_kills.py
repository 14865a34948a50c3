"""SIGKILL of trainers, workers and services at random states: no job is lost, none ends twice.

Real processes, a real queue, a scripted trainer. The queue itself writes down every end.
"""

import json
import random
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from logicnet.tuning.jobs import JobState
from logicnet.tuning.progress import Progress
from logicnet.tuning.store import JobStore
from logicnet.tuning.train.jobfile import TrainResult, is_running
from tests.harness.scripted_service import job, store_in
from tests.harness.scripted_trainer import Script
from tests.harness.services import services

KILLS = 20
JOBS = 12
WITHIN_S = 240.0
SCRIPT = Script(steps=40, step_s=0.02, torn=True)

_WRITE_ENDS = """
    CREATE TABLE ends (id TEXT, state TEXT);
    CREATE TRIGGER ends AFTER UPDATE OF state ON jobs
        WHEN new.state IN ('completed', 'failed', 'cancelled', 'timed_out')
        BEGIN INSERT INTO ends VALUES (new.id, new.state); END;
"""


def trainers(folder: Path) -> list[int]:
    found = []
    for lock in (folder / "jobs").glob("*/running.lock"):
        if is_running(lock.parent):
            with suppress(ValueError):
                found.append(int(lock.read_text()))
    return found


def filled(folder: Path, number: int = JOBS) -> JobStore:
    store = store_in(folder)
    with sqlite3.connect(folder / "queue.sqlite") as db:
        db.executescript(_WRITE_ENDS)
    db.close()
    for _ in range(number):
        store.add(job(SCRIPT))
    return store


def top_up(store: JobStore) -> None:
    """No kill is to find an empty queue."""
    for _ in range(4 - len(store.jobs(over=False))):
        store.add(job(SCRIPT))


def wait_for_a_state(store: JobStore, number: int, chance: random.Random) -> None:
    """Until a job is in one of the three states by turns, and a random time more."""
    state = (JobState.PREPARING, JobState.RUNNING, JobState.JUDGING)[number % 3]
    until_s = time.monotonic() + 20.0
    while store.counts().get(state, 0) == 0 and store.jobs(over=False):
        assert time.monotonic() < until_s, store.counts()
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.2))


def wait_for_the_end(store: JobStore) -> None:
    until_s = time.monotonic() + WITHIN_S
    while store.jobs(over=False):
        assert time.monotonic() < until_s, store.counts()
        time.sleep(0.1)


def check(folder: Path, store: JobStore) -> None:
    """Every job ended once; one that is completed has all of its result."""
    with sqlite3.connect(folder / "queue.sqlite") as db:
        ends = dict(Counter(id for (id,) in db.execute("SELECT id FROM ends")))
    db.close()
    jobs = store.jobs()
    assert ends == {one.id: 1 for one in jobs}
    assert len(jobs) >= JOBS
    for one in jobs:
        job_folder = folder / "jobs" / one.id
        runs = [json.loads(line) for line in (job_folder / "runs.jsonl").read_text().splitlines()]
        if one.state is JobState.COMPLETED:
            assert TrainResult.read(job_folder).steps == SCRIPT.steps
            assert one.result is not None
        else:
            # Only a job whose trainer died twice may fail.
            assert (one.state, one.own_fault, one.attempts) == (JobState.FAILED, True, 2)
            assert len(runs) >= 2
        progress = Progress(job_folder)
        progress.read()
        assert progress.attempt >= len(runs)


def test_trainers_that_are_killed(tmp_path):
    store = filled(tmp_path)
    chance = random.Random(1)
    killed = Counter[str]()
    with services(tmp_path) as running:
        running.start(2)
        while killed.total() < KILLS:
            top_up(store)
            time.sleep(chance.uniform(0.0, 0.5))
            for pid in trainers(tmp_path)[:1]:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
                    killed["trainer"] += 1
        wait_for_the_end(store)
    check(tmp_path, store)


def test_one_of_two_workers_that_is_killed(tmp_path):
    store = filled(tmp_path)
    chance = random.Random(2)
    with services(tmp_path) as running:
        running.start(1)
        for number in range(KILLS):
            victim = running.start(1)
            time.sleep(chance.uniform(0.3, 1.5))
            top_up(store)
            wait_for_a_state(store, number, chance)
            victim.kill()
            victim.wait(20)
        wait_for_the_end(store)
    check(tmp_path, store)
    assert set(store.counts()) == {JobState.COMPLETED}


def test_the_only_service_that_is_killed(tmp_path):
    store = filled(tmp_path)
    chance = random.Random(3)
    with services(tmp_path) as running:
        for number in range(KILLS):
            victim = running.start(2)
            top_up(store)
            wait_for_a_state(store, number, chance)
            victim.kill()
            victim.wait(20)
        running.start(2)
        wait_for_the_end(store)
    check(tmp_path, store)
    assert set(store.counts()) == {JobState.COMPLETED}


def test_services_that_are_stopped_by_sigterm_leave_no_trainer_and_cost_no_attempt(tmp_path):
    store = filled(tmp_path)
    chance = random.Random(4)
    with services(tmp_path) as running:
        for _ in range(4):
            victim = running.start(2)
            until_s = time.monotonic() + 30
            while not trainers(tmp_path):
                assert time.monotonic() < until_s
                time.sleep(0.05)
            time.sleep(chance.uniform(0.0, 1.0))
            victim.terminate()
            assert victim.wait(60) == 0
            assert trainers(tmp_path) == []
        running.start(2)
        wait_for_the_end(store)
    check(tmp_path, store)
    assert set(store.counts()) == {JobState.COMPLETED}
    assert {one.attempts for one in store.jobs()} == {0}


def test_two_services_share_a_queue(tmp_path):
    store = filled(tmp_path)
    with services(tmp_path) as running:
        running.start(1)
        running.start(1)
        wait_for_the_end(store)
    check(tmp_path, store)
    for one in store.jobs():
        assert len((tmp_path / "jobs" / one.id / "runs.jsonl").read_text().splitlines()) == 1
