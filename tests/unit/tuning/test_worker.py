"""A worker ends every job once, in the right state, with real processes and a scripted trainer."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from logicnet.errors import TuningError
from logicnet.tuning.engine import Local, processes_of
from logicnet.tuning.jobs import TIME_SHARE, EngineAway, Job, JobState, MemoryTaken, OwnFault
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train.jobfile import JobFile, Optimisation, Reward, TrainResult, is_running
from logicnet.tuning.worker import LEAST_SECONDS, _Holding
from tests.harness import scripted_service
from tests.harness.scripted_nvml import ScriptedGpu, ScriptedNvml
from tests.harness.scripted_service import isolation, job, store_in
from tests.harness.scripted_trainer import Script

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

WITHIN_S = 600.0  # the machine may be busy with other things
LONG = Script(steps=10_000)


@contextlib.asynccontextmanager
async def working(folder: Path, slots: int = 1, **facts: object) -> AsyncIterator[asyncio.Event]:
    """A worker on the queue of `folder`; it is stopped at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(scripted_service.worker(folder, **facts).run(stop, slots))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, WITHIN_S)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.02)


async def ended(folder: Path, wanted: Job, **facts: object) -> Job:
    """The job after a worker had it."""
    store = store_in(folder)
    store.add(wanted)
    async with working(folder, **facts):
        await until(lambda: now(folder, wanted).state.over)
    return now(folder, wanted)


def now(folder: Path, wanted: Job) -> Job:
    found = store_in(folder).get(wanted.id)
    assert found is not None
    return found


def runs(folder: Path, wanted: Job) -> list[dict[str, object]]:
    file = folder / "jobs" / wanted.id / "runs.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def progress(folder: Path, wanted: Job) -> Progress:
    found = Progress(folder / "jobs" / wanted.id)
    found.read()
    return found


def step(folder: Path, wanted: Job) -> int:
    return progress(folder, wanted).step


async def test_a_job_is_trained_and_judged(tmp_path):
    found = await ended(tmp_path, job())
    assert (found.state, found.reason, found.attempts) == (JobState.COMPLETED, "", 0)
    assert found.result == {"steps": 5, "rows": {"trained": 40}}


async def test_a_trainer_that_was_killed_goes_on_from_its_checkpoint(tmp_path):
    wanted = job(Script(die_at={"0": 4}, torn=True))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.attempts) == (JobState.COMPLETED, 1)
    assert [run["from"] for run in runs(tmp_path, wanted)] == [None, 3]


async def test_the_second_death_fails_the_job_and_is_no_evidence_against_the_family(tmp_path):
    wanted = job(Script(die_at={"0": 2, "1": 3}))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.own_fault, found.attempts) == (JobState.FAILED, True, 2)
    assert "killed" in found.reason
    assert len(runs(tmp_path, wanted)) == 2


async def test_memory_that_runs_out_halves_the_rows_at_a_time_and_keeps_those_of_a_step(tmp_path):
    wanted = job(Script(most_batch=2))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.attempts) == (JobState.COMPLETED, 0)
    assert found.result == {"steps": 5, "rows": {"trained": 40}}
    assert JobFile.read(tmp_path / "jobs" / wanted.id).optimisation.batch == 2


async def test_memory_that_runs_out_twice_fails_the_job(tmp_path):
    wanted = job(Script(most_batch=1))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.own_fault) == (JobState.FAILED, False)
    assert "out of memory with 2 rows" in found.reason
    assert len(runs(tmp_path, wanted)) == 2


async def test_memory_that_runs_out_without_a_word_halves_once_as_well(tmp_path):
    wanted = job(Script(most_batch=1, mute=True))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.own_fault) == (JobState.FAILED, False)
    assert "out of memory with 2 rows" in found.reason
    assert len(runs(tmp_path, wanted)) == 2


@pytest.mark.parametrize(
    ("kills", "memory", "rows"),
    [
        ([0, 1], None, (2, 4)),  # the kernel's count rose
        ([7, 7], 0.99, (4, 2)),  # it did not: somebody killed it, however full memory was
        ([None, None], 0.99, (2, 4)),  # no count, and memory was full
        ([None, None], 0.5, (4, 2)),
        ([None, None], None, (4, 2)),
    ],
)
async def test_a_kill_for_want_of_memory_is_told_from_another(tmp_path, monkeypatch, kills, memory, rows):
    counts = iter(kills)
    monkeypatch.setattr("logicnet.tuning.engine.oom_kills", lambda: next(counts, kills[-1]))
    wanted = job(Script(die_at={"0": 3}, memory=memory))
    found = await ended(tmp_path, wanted)
    halved = rows == (2, 4)
    assert (found.state, found.attempts) == (JobState.COMPLETED, 0 if halved else 1)
    how = JobFile.read(tmp_path / "jobs" / wanted.id).optimisation
    assert (how.batch, how.accumulate) == rows
    assert len(runs(tmp_path, wanted)) == 2


async def test_kills_for_want_of_memory_halve_once_and_cost_attempts_then(tmp_path, monkeypatch):
    counts = itertools.count()
    monkeypatch.setattr("logicnet.tuning.engine.oom_kills", lambda: next(counts))
    wanted = job(Script(die_at={"0": 2, "1": 3, "2": 4}))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.own_fault, found.attempts) == (JobState.FAILED, True, 2)
    assert "memory ran out" in found.reason
    assert JobFile.read(tmp_path / "jobs" / wanted.id).optimisation.batch == 2


async def test_a_worker_that_dies_after_it_halved_does_not_halve_again(tmp_path):
    wanted = job()
    folder = tmp_path / "jobs" / wanted.id
    folder.mkdir(parents=True)
    await scripted_service.prepare(wanted, folder)
    for _ in range(2):  # the second worker meets the same death
        holding = _Holding(scripted_service.worker(tmp_path), "w", wanted, asyncio.Event())
        file = holding._halved(1)
        assert (file.halved_after, file.optimisation.batch) == (1, 2)
    assert holding._halved(2).halved_after == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((4, 2), (2, 4)),
        ((5, 1), (1, 5)),
        ((7, 1), (1, 7)),
        ((6, 1), (3, 2)),
        ((31, 1), (15, 2)),
        ((2, 3), (1, 6)),
    ],
)
def test_half_the_rows_at_a_time_are_as_many_a_step_as_can_be(before, after):
    how = Optimisation(batch=before[0], accumulate=before[1]).halved()
    assert (how.batch, how.accumulate) == after


async def test_a_trainer_that_fails_by_itself_is_not_started_again(tmp_path):
    wanted = job(Script(failure="row 3 has no completion"))
    found = await ended(tmp_path, wanted)
    assert (found.state, found.own_fault, found.reason) == (JobState.FAILED, False, "row 3 has no completion")
    assert len(runs(tmp_path, wanted)) == 1


async def test_what_a_caller_gave_is_no_evidence_against_the_family(tmp_path):
    rows = await ended(tmp_path, job(Script(failure="row 3 is none", ending="bad_input")))
    assert (rows.state, rows.own_fault, rows.reason) == (JobState.FAILED, True, "row 3 is none")
    code = {"reward_functions": [{"reward_func": "def score(completions): return 1 / 0"}]}
    wanted = job(Script(failure="reward function score: ZeroDivisionError"))
    spec = TrainSpec.model_validate(wanted.spec.model_dump() | {"dataset_type": code})
    reward = await ended(tmp_path, dataclasses.replace(wanted, spec=spec))
    assert (reward.state, reward.own_fault) == (JobState.FAILED, True)
    assert store_in(tmp_path).ended("llama", "sft") == store_in(tmp_path).ended("llama", "grpo") == []


async def test_a_full_disk_is_no_evidence_against_the_family(tmp_path):
    found = await ended(tmp_path, job(Script(failure="[Errno 28] No space left on device: 'adapter'")))
    assert (found.state, found.own_fault) == (JobState.FAILED, True)


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_silent_trainer_is_ended(tmp_path, deaf):
    wanted = job(Script(hang_at=2, deaf=deaf))
    timing = scripted_service.Timing(poll=0.05, grace=0.5, silent=1.0)
    found = await ended(tmp_path, wanted, timing=timing)
    assert (found.state, found.own_fault) == (JobState.FAILED, False)
    assert "said nothing" in found.reason
    assert not is_running(tmp_path / "jobs" / wanted.id)


async def test_a_trainer_that_overruns_its_time_is_ended(tmp_path):
    wanted = job(Script(steps=10_000), hours=0.5 / 3600)
    found = await ended(tmp_path, wanted)
    assert found.state is JobState.TIMED_OUT
    assert not is_running(tmp_path / "jobs" / wanted.id)


async def test_time_is_that_of_all_starts_together(tmp_path):
    wanted = job(Script(die_at={"0": 4}), hours=1.0)
    await ended(tmp_path, wanted)
    first, second = (run["seconds"] for run in runs(tmp_path, wanted))
    assert first == 3600.0
    assert 2800.0 < second < 3600.0


async def test_time_in_which_nobody_trained_is_not_given_back(tmp_path):
    wanted = job(Script(die_at={"0": 4}), hours=1.0)
    wanted = dataclasses.replace(wanted, created_s=wanted.created_s - 1800)
    await ended(tmp_path, wanted)
    _, second = (run["seconds"] for run in runs(tmp_path, wanted))
    assert LEAST_SECONDS <= second <= TIME_SHARE * 3600 - 1800


async def test_a_running_job_is_cancelled(tmp_path):
    wanted = job(LONG)
    store = store_in(tmp_path)
    store.add(wanted)
    async with working(tmp_path):
        await until(lambda: step(tmp_path, wanted) > 3)
        assert store.cancel(wanted.id, 0.0)
        await until(lambda: now(tmp_path, wanted).state.over)
    assert now(tmp_path, wanted).state is JobState.CANCELLED
    assert not is_running(tmp_path / "jobs" / wanted.id)


async def test_a_job_is_cancelled_while_it_is_prepared(tmp_path):
    async def slow(wanted: Job, folder: Path) -> None:
        await asyncio.sleep(600)

    wanted = job()
    store = store_in(tmp_path)
    store.add(wanted)
    async with working(tmp_path, prepare=slow):
        await until(lambda: now(tmp_path, wanted).state is JobState.PREPARING)
        assert store.cancel(wanted.id, 0.0)
        await until(lambda: now(tmp_path, wanted).state.over)
    assert now(tmp_path, wanted).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TuningError("there is no column 'output'"), "there is no column 'output'"),
        (OwnFault("the hub does not answer"), "the hub does not answer"),
        (OSError(28, "No space left on device", "train.jsonl"), "No space left on device: train.jsonl"),
        (ZeroDivisionError(), "a fault of this program"),
    ],
)
async def test_what_preparing_raises_ends_the_job_and_is_no_evidence_against_the_family(
    tmp_path, error, said
):
    async def fails(wanted: Job, folder: Path) -> None:
        raise error

    found = await ended(tmp_path, job(), prepare=fails)
    assert (found.state, found.own_fault) == (JobState.FAILED, True)
    assert said in found.reason


async def test_what_judging_raises_fails_the_job(tmp_path):
    async def fails(wanted: Job, folder: Path, result: TrainResult) -> dict[str, object]:
        raise TuningError("the adapter does not load")

    found = await ended(tmp_path, job(), judge=fails)
    assert (found.state, found.reason) == (JobState.FAILED, "the adapter does not load")


async def test_reward_code_runs_only_where_the_operator_allows_it(tmp_path):
    async def with_reward(wanted: Job, folder: Path) -> None:
        await scripted_service.prepare(wanted, folder)
        code = Reward("def score(completions, **columns): return [0.0] * len(completions)")
        JobFile(wanted.id, "grpo", "base", "tiny", rewards=(code,)).write(folder)

    refused = await ended(tmp_path, job(), prepare=with_reward)
    assert (refused.state, runs(tmp_path, refused)) == (JobState.FAILED, [])
    assert "--tuning.allow_reward_code" in refused.reason
    engine = Local(isolation(allow_reward_code=True))
    assert (await ended(tmp_path, job(), prepare=with_reward, engine=engine)).state is JobState.COMPLETED


async def test_a_stopped_service_gives_its_jobs_back_and_they_go_on(tmp_path):
    wanted = job(Script(steps=60))
    store_in(tmp_path).add(wanted)
    async with working(tmp_path):
        await until(lambda: step(tmp_path, wanted) > 3)
    given_back = now(tmp_path, wanted)
    assert (given_back.state, given_back.attempts) == (JobState.QUEUED, 0)
    assert not is_running(tmp_path / "jobs" / wanted.id)
    async with working(tmp_path):
        await until(lambda: now(tmp_path, wanted).state.over)
    assert (now(tmp_path, wanted).state, now(tmp_path, wanted).attempts) == (JobState.COMPLETED, 0)
    first, second = runs(tmp_path, wanted)
    assert first["from"] is None
    assert second["from"] >= 3


async def test_a_lost_lease_leaves_the_trainer_to_the_next_worker(tmp_path):
    wanted = job(LONG)
    store = store_in(tmp_path)
    store.add(wanted)
    engine = Local(isolation())
    async with working(tmp_path, engine=engine):
        await until(lambda: step(tmp_path, wanted) > 3)
        other = store.claim("other", now(tmp_path, wanted).lease_until_s + 1000)  # its clock is ahead
        assert other is not None
        pid = runs(tmp_path, wanted)[0]["pid"]
        # The first worker sees at its next beat that it lost the job.
        await asyncio.sleep(scripted_service.LEASE_S)
        assert store.end(wanted.id, "other", 0.0, JobState.COMPLETED)
    assert psutil.pid_exists(int(str(pid)))
    assert len(runs(tmp_path, wanted)) == 1
    engine.stop(wanted, tmp_path / "jobs" / wanted.id, 1, 5.0)


async def test_a_trainer_that_a_killed_service_left_standing_goes_on_at_the_claim(tmp_path):
    wanted = job(Script(steps=60))
    folder = tmp_path / "jobs" / wanted.id
    store = store_in(tmp_path)
    store.add(wanted)
    engine = Local(isolation())
    async with working(tmp_path, engine=engine):
        await until(lambda: step(tmp_path, wanted) > 3)
        lease_s = now(tmp_path, wanted).lease_until_s
        for process in processes_of(folder):
            process.suspend()
        other = store.claim("other", lease_s + 1000)  # its clock is ahead
        assert other is not None
        await asyncio.sleep(
            scripted_service.LEASE_S
        )  # the first worker sees at its next beat that it lost it
        store.release(wanted.id, "other", 0.0)
        await until(lambda: now(tmp_path, wanted).state.over)  # by the same worker, as the next holder
    assert now(tmp_path, wanted).state is JobState.COMPLETED
    assert len(runs(tmp_path, wanted)) == 1  # the same trainer


async def test_a_trainer_that_stands_still_for_a_challenge_is_not_taken_for_silent(tmp_path):
    wanted = job(Script(steps=60))
    folder = tmp_path / "jobs" / wanted.id
    store_in(tmp_path).add(wanted)
    timing = scripted_service.Timing(poll=0.05, grace=0.5, silent=1.0)
    async with working(tmp_path, timing=timing):
        await until(lambda: step(tmp_path, wanted) > 3)
        standing = list(processes_of(folder))
        for process in standing:
            process.suspend()
        await asyncio.sleep(2.0)
        assert now(tmp_path, wanted).state is JobState.RUNNING
        for process in standing:
            process.resume()
        await until(lambda: now(tmp_path, wanted).state.over)
    assert now(tmp_path, wanted).state is JobState.COMPLETED


async def test_a_job_whose_engine_is_away_waits(tmp_path):
    class Away(Local):
        calls = 0

        def start(self, job: Job, folder: Path, number: int) -> None:
            self.calls += 1
            if self.calls < 3:
                raise EngineAway("no Ray cluster answers")
            super().start(job, folder, number)

    engine = Away(isolation())
    found = await ended(tmp_path, job(), engine=engine)
    assert (found.state, found.attempts, engine.calls) == (JobState.COMPLETED, 0, 3)


async def test_small_jobs_do_not_starve_one_that_waits_for_their_memory(tmp_path):
    first, large, behind = job(Script(gate=2)), job(Script(gate=2)), job()
    tried = 0

    async def prepare(found: Job, folder: Path) -> None:
        nonlocal tried
        if found.id == large.id:
            tried += 1
            if any(not now(tmp_path, one).state.over for one in (first, behind) if runs(tmp_path, one)):
                raise MemoryTaken("it waits until other jobs have ended")
        await scripted_service.prepare(found, folder)

    store = store_in(tmp_path)
    store.add(first)
    async with working(tmp_path, slots=2, prepare=prepare):
        await until(lambda: step(tmp_path, first) == 2)
        store.add(large)
        await until(lambda: tried == 1)
        store.add(behind)
        await until(lambda: tried > 3)  # the slot that gave it back was free in between
        assert now(tmp_path, behind).state is JobState.QUEUED
        (tmp_path / "jobs" / first.id / "go").touch()
        await until(lambda: step(tmp_path, large) == 2)
        await until(lambda: now(tmp_path, behind).state.over)  # the queue moves on as soon as it trains
        (tmp_path / "jobs" / large.id / "go").touch()
        await until(lambda: now(tmp_path, large).state.over)
    assert {now(tmp_path, one).state for one in (first, large, behind)} == {JobState.COMPLETED}


async def test_a_result_that_was_written_before_a_worker_died_is_only_judged(tmp_path):
    wanted = job()
    store_in(tmp_path).add(wanted)
    folder = tmp_path / "jobs" / wanted.id
    await ended(tmp_path, wanted)
    again = job()
    store_in(tmp_path).add(again)
    folder.rename(tmp_path / "jobs" / again.id)
    assert (await ended(tmp_path, again)).state is JobState.COMPLETED
    assert len(runs(tmp_path, again)) == 1


async def test_a_half_written_result_is_not_done(tmp_path):
    wanted = job()

    async def half(found: Job, folder: Path) -> None:
        await scripted_service.prepare(found, folder)
        (folder / ".result.json.part").write_text('{"reason": "done"')
        (folder / "events.jsonl").write_text('{"at": 1, "kind": "ended", "reason": "done"}\n{"at": 2, "ki')

    found = await ended(tmp_path, wanted, prepare=half)
    assert (found.state, len(runs(tmp_path, wanted))) == (JobState.COMPLETED, 1)


async def test_processes_that_a_dead_trainer_left_behind_are_ended(tmp_path):
    wanted = job(Script(child=True, die_at={"0": 3}))
    found = await ended(tmp_path, wanted)
    assert found.state is JobState.COMPLETED
    assert list(processes_of(tmp_path / "jobs" / wanted.id)) == []


async def test_slots_work_at_once(tmp_path):
    several = [job(Script(steps=8, gate=5)) for _ in range(3)]
    for one in several:
        store_in(tmp_path).add(one)
    async with working(tmp_path, slots=3):
        await until(lambda: all(is_running(tmp_path / "jobs" / one.id) for one in several))
        for one in several:
            (tmp_path / "jobs" / one.id / "go").touch()
        await until(lambda: all(now(tmp_path, one).state.over for one in several))
    assert {now(tmp_path, one).state for one in several} == {JobState.COMPLETED}


async def test_what_a_trainer_says_never_keeps_its_job_from_ending(tmp_path):
    async def spoken(found: Job, folder: Path) -> None:
        await scripted_service.prepare(found, folder)
        Script(failure="half a pair: \ud800" + "x" * 9000).write(folder)

    found = await ended(tmp_path, job(), prepare=spoken)
    assert found.state is JobState.FAILED
    assert found.reason.startswith("half a pair: ?xx")
    assert len(found.reason) <= 2000


@pytest.mark.parametrize("name", ["trainer.log", "events.jsonl", "result.json"])
async def test_a_link_in_place_of_a_file_is_not_followed(tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_text("secret")

    async def linked(found: Job, folder: Path) -> None:
        await scripted_service.prepare(found, folder)
        (folder / name).symlink_to(outside)

    found = await ended(tmp_path, job(), prepare=linked)
    assert (found.state, outside.read_text()) == (JobState.FAILED, "secret")
    assert name in found.reason
    assert "secret" not in found.reason


async def test_a_job_that_is_cancelled_while_its_engine_is_away_ends_its_trainer(tmp_path):
    class Away(Local):
        calls = 0

        def stop(self, job: Job, folder: Path, number: int, grace_s: float) -> None:
            self.calls += 1
            if self.calls == 1:
                raise EngineAway("Ray did not stop the job")
            super().stop(job, folder, number, grace_s)

    engine = Away(isolation())
    wanted = job(LONG)
    store_in(tmp_path).add(wanted)
    async with working(tmp_path, engine=engine):
        await until(lambda: step(tmp_path, wanted) > 2)
        store_in(tmp_path).cancel(wanted.id, 0.0)
        await until(lambda: now(tmp_path, wanted).state.over)
    assert (now(tmp_path, wanted).state, engine.calls) == (JobState.CANCELLED, 2)
    assert not is_running(tmp_path / "jobs" / wanted.id)


async def test_checkpoints_of_a_job_that_ended_badly_are_removed(tmp_path):
    async def saved(found: Job, folder: Path) -> None:
        await scripted_service.prepare(found, folder)
        (folder / "checkpoints").mkdir()

    wanted = job(Script(failure="row 3 has no completion"))
    async with working(tmp_path, prepare=saved):
        store_in(tmp_path).add(wanted)
        await until(lambda: now(tmp_path, wanted).state.over)
    assert not (tmp_path / "jobs" / wanted.id / "checkpoints").exists()


async def test_slots_share_no_gpu_while_there_is_another(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    free = (10.0, 70.0, 30.0)
    monkeypatch.setitem(sys.modules, "pynvml", ScriptedNvml([ScriptedGpu(free_gib=one) for one in free]))
    several = [job(Script(gate=2)) for _ in range(2)]
    for one in several:
        store_in(tmp_path).add(one)
    async with working(tmp_path, slots=2):
        await until(lambda: all(runs(tmp_path, one) for one in several))
    assert {runs(tmp_path, one)[0]["gpu"] for one in several} == {"GPU-1", "GPU-2"}
