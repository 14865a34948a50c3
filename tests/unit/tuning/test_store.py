"""The queue hands every job to one worker at a time, and ends it once."""

import os
import socket
import sqlite3
import threading
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import LEASE_S, WAIT_GAINS_S, JobStore, TaskConflict, Waiting


def spec(**facts: object) -> TrainSpec:
    given = {"dataset": "d", "model": "m", "dataset_type": "instruct", "file_format": "json"} | facts
    return TrainSpec.model_validate(given)


def job(name: str = "", **facts: object) -> Job:
    made = uuid.uuid4().hex
    return Job(made, name or made, spec(), "llama", **facts)  # type: ignore[arg-type]


@pytest.fixture
def store(path: Path) -> JobStore:
    return JobStore(path)


def state(store: JobStore, wanted: Job) -> JobState:
    found = store.get(wanted.id)
    assert found is not None
    return found.state


def test_a_job_comes_back_as_it_went_in(store):
    given = store.add(job("task", priority=0.5, created_s=7.0))
    assert store.get(given.id) == given
    assert store.get("task") == given
    assert store.get("../../etc/passwd") is None


def test_the_same_task_twice_is_one_job(store):
    first = store.add(job("task"))
    assert store.add(job("task")).id == first.id
    other = Job("ff" * 16, "task", spec(seed=1), "llama")
    with pytest.raises(TaskConflict, match="'task'"):
        store.add(other)


def test_priority_first_then_age(store):
    low, high, old = (
        job(priority=0.1, created_s=100.0),
        job(priority=0.9, created_s=100.0),
        job(priority=0.1, created_s=50.0),
    )
    for one in (low, high, old):
        store.add(one)
    assert [found.id for found in store.jobs(over=False)] == [high.id, old.id, low.id]
    assert [store.position(one) for one in (high, old, low)] == [0, 1, 2]
    claimed = [store.claim("w", 200.0) for _ in range(4)]
    assert [found and found.id for found in claimed] == [high.id, old.id, low.id, None]


def test_waiting_outweighs_priority_in_the_end(store):
    old = store.add(job(priority=0.0, created_s=0.0))
    store.add(job(priority=3.0, created_s=3.1 * WAIT_GAINS_S))
    first = store.claim("w", 4 * WAIT_GAINS_S)
    assert first is not None
    assert first.id == old.id


def test_a_job_waits_for_its_time(store):
    store.add(job(not_before_s=100.0))
    assert store.claim("w", 99.0) is None
    assert store.claim("w", 100.0) is not None


def test_a_held_job_is_another_workers_only_when_its_lease_ran_out(store):
    given = store.add(job())
    assert store.claim("a", 0.0)
    store.move(given.id, "a", 10.0, JobState.RUNNING, attempts=1)
    assert store.claim("b", 10.0 + LEASE_S) is None
    taken = store.claim("b", 10.1 + LEASE_S)
    assert taken is not None
    assert (taken.state, taken.worker, taken.attempts, taken.started_s) == (JobState.RUNNING, "b", 1, 0.0)


@pytest.mark.parametrize("late", [False, True])
def test_who_lost_the_lease_changes_nothing_more(store, late):
    given = store.add(job())
    store.claim("a", 0.0)
    now_s = LEASE_S + 1
    if not late:
        store.claim("b", now_s)
    before = store.get(given.id)
    assert not store.beat(given.id, "a", now_s)
    assert not store.move(given.id, "a", now_s, JobState.RUNNING)
    assert not store.requeue(given.id, "a", now_s, 0.0, "")
    assert not store.release(given.id, "a", now_s)
    assert not store.end(given.id, "a", now_s, JobState.COMPLETED)
    assert store.get(given.id) == before


def test_a_job_ends_once(store):
    given = store.add(job())
    store.claim("a", 0.0)
    assert store.end(given.id, "a", 1.0, JobState.COMPLETED, result={"loss": 0.5})
    assert not store.end(given.id, "a", 2.0, JobState.FAILED, reason="late")
    assert not store.cancel(given.id, 3.0)
    found = store.get(given.id)
    assert found is not None
    assert (found.state, found.result, found.ended_s) == (JobState.COMPLETED, {"loss": 0.5}, 1.0)


def test_a_released_job_is_taken_in_the_state_it_is_in(store):
    given = store.add(job())
    store.claim("a", 0.0)
    store.move(given.id, "a", 1.0, JobState.JUDGING)
    assert store.release(given.id, "a", 2.0)
    taken = store.claim("b", 2.0)
    assert taken is not None
    assert (taken.id, taken.state) == (given.id, JobState.JUDGING)


def test_a_requeued_job_waits_again_with_its_reason(store):
    given = store.add(job())
    store.claim("a", 0.0)
    assert store.requeue(given.id, "a", 1.0, 50.0, "the service was stopped")
    waits = store.get(given.id)
    assert waits is not None and waits.reason == "the service was stopped"
    assert store.claim("b", 49.0) is None
    taken = store.claim("b", 50.0)
    assert taken is not None
    assert (taken.state, taken.reason) == (JobState.PREPARING, "")


def test_a_job_that_is_held_is_taken_by_nobody_until_it_is_reopened(store):
    given = store.add(job())
    assert store.hold(given.id)
    assert store.claim("a", 1e9) is None
    assert store.waiting("llama", "sft") == Waiting(0, 0.0, 0)  # a trial of its family need not wait for it
    assert store.reopen(given.id, 9.0)
    assert store.claim("a", 1e9, only=given.id) is not None


def test_a_job_that_is_held_has_no_place_and_takes_none(store):
    held, behind = store.add(job(priority=3.0)), store.add(job())
    assert [store.position(one) for one in (held, behind)] == [0, 1]
    assert store.hold(held.id)
    assert [store.position(one) for one in store.jobs(over=False)] == [None, 0]


def test_a_job_that_failed_is_reopened_with_new_attempts_and_a_completed_one_is_not(store):
    for state, opens in ((JobState.FAILED, True), (JobState.CANCELLED, True), (JobState.COMPLETED, False)):
        given = store.add(job())
        store.claim("a", 1.0)
        store.move(given.id, "a", 1.0, JobState.RUNNING, attempts=2)
        store.end(given.id, "a", 2.0, state, reason="it failed")
        assert store.reopen(given.id, 9.0) is opens
        if opens:
            again = store.claim("b", 3.0)
            assert again is not None and (again.id, again.attempts, again.reason) == (given.id, 0, "")
            store.end(given.id, "b", 4.0, JobState.CANCELLED)


def test_a_job_whose_worker_was_killed_begins_again_with_all_its_hours(store):
    """Not one that somebody works on."""
    for pid, begins in ((2**31 - 1, True), (os.getpid(), False)):
        given = store.add(job(created_s=1.0))
        store.claim(f"{socket.gethostname()}/{pid}/ab/0", 1.0)
        store.move(given.id, f"{socket.gethostname()}/{pid}/ab/0", 1.0, JobState.RUNNING)
        assert not store.reopen(given.id, 2.0)  # its lease holds
        assert store.begin_again(given.id, 3.0) is begins
        found = store.get(given.id)
        assert found is not None
        assert (found.state, found.created_s) == (
            (JobState.QUEUED, 3.0) if begins else (JobState.RUNNING, 1.0)
        )
        store.end(given.id, f"{socket.gethostname()}/{pid}/ab/0", 4.0, JobState.CANCELLED)
        store.cancel(given.id, 5.0)


def test_the_lease_of_a_dead_process_of_this_host_is_let_go(store):
    for worker in ("host/7/ab/0", "host/8/ab/0", "other/7/ab/0", "scripted"):
        store.add(job(created_s=1.0))
        store.claim(worker, 1.0)
    alive = {8}
    (freed,) = store.release_dead("host", alive.__contains__, 2.0)
    taken = store.claim("new", 2.0)
    assert taken is not None and taken.id == freed
    assert store.claim("new", 2.0) is None


def test_nothing_behind_a_job_that_blocks_the_queue_is_claimed_until_it_runs_or_is_over(store):
    def claimed(now_s: float, *blocking: Job) -> str | None:
        found = store.claim("a", now_s, blocking=[one.id for one in blocking])
        return None if found is None else found.id

    lost, large, behind = (store.add(job(created_s=n)) for n in (1.0, 2.0, 3.0))
    assert (claimed(4.0), claimed(4.0)) == (lost.id, large.id)
    store.requeue(large.id, "a", 4.0, 50.0, "it waits for memory")
    assert claimed(10.0, large) is None
    assert claimed(60.0, large) == large.id  # its worker may try it again,
    assert claimed(61.0, large) is None  # and meanwhile nothing slips past it
    store.release(lost.id, "a", 61.0)
    assert claimed(62.0, large) == lost.id
    sooner = store.add(job(priority=1.0, created_s=9.0))
    assert claimed(62.0, large) == sooner.id
    store.move(large.id, "a", 62.0, JobState.RUNNING)
    assert claimed(62.0, large) == behind.id


@pytest.mark.parametrize("how", ["cancel", "hold"])
def test_a_job_that_its_user_stopped_does_not_block_the_queue(store, how):
    large, behind = (store.add(job(created_s=n)) for n in (1.0, 2.0))
    store.claim("a", 3.0)
    store.requeue(large.id, "a", 3.0, 50.0, "it waits for memory")
    assert store.claim("a", 4.0, blocking=[large.id]) is None
    assert store.cancel(large.id, 4.0) if how == "cancel" else store.hold(large.id)
    found = store.claim("a", 4.0, blocking=[large.id])
    assert found is not None and found.id == behind.id


def test_cancelling_ends_a_waiting_job_and_asks_the_worker_of_another(store):
    waiting, held = store.add(job(created_s=2.0)), store.add(job(created_s=1.0))
    store.claim("a", 3.0)
    assert store.cancel(waiting.id, 4.0)
    assert store.cancel(held.id, 4.0)
    assert (state(store, waiting), state(store, held)) == (JobState.CANCELLED, JobState.PREPARING)
    assert store.cancelled(held.id)
    assert not store.cancel("unknown", 4.0)
    assert store.counts() == {JobState.CANCELLED: 1, JobState.PREPARING: 1}


def test_the_record_of_a_family_leaves_own_faults_out(store):
    for state_, own_fault in (
        (JobState.COMPLETED, False),
        (JobState.FAILED, False),
        (JobState.FAILED, True),
        (JobState.CANCELLED, False),
    ):
        given = store.add(job())
        store.claim("a", 0.0)
        store.end(given.id, "a", 1.0, state_, own_fault=own_fault)
    assert sorted(store.ended("llama", "sft")) == [(1.0, False), (1.0, True)]
    assert store.ended("llama", "dpo") == []


def test_many_threads_claim_every_job_once(store):
    wanted = {store.add(job()).id for _ in range(60)}
    claimed: list[str] = []

    def work(name: str) -> None:
        while (found := store.claim(name, 0.0)) is not None:
            claimed.append(found.id)
        store.close()

    threads = [threading.Thread(target=work, args=[f"w{number}"]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(claimed), set(claimed)) == (60, wanted)


@pytest.mark.parametrize(
    "content", [b"no database at all, but a text that is long enough to be read as one" * 20, None]
)
def test_a_file_that_is_no_queue_is_refused(path, content):
    path.parent.mkdir()
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE ledger (id)")
        db.close()
    else:
        path.write_bytes(content)
    with pytest.raises(TuningError, match=r"--tuning\.folder"):
        JobStore(path)


def test_a_queue_outlives_its_process(path):
    given = JobStore(path).add(job("task"))
    assert JobStore(path).get("task") == given
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_job_of_another_version_keeps_no_other_from_being_claimed(path):
    store = JobStore(path)
    old, good = store.add(job(created_s=1.0)), store.add(job(created_s=2.0))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE jobs SET spec = '{\"novel\": 1}' WHERE id = ?", [old.id])
    store = JobStore(path)
    taken = store.claim("a", 3.0)
    assert taken is not None and taken.id == good.id
    assert [one.id for one in store.jobs()] == [good.id]
    assert store.counts()[JobState.FAILED] == 1
