"""The loop: a round from practice to swap, what ends one, and kills at each step."""

import asyncio
import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.improve.adapters import AdapterState
from logicnet.tuning.improve.hosts import BesideBase
from logicnet.tuning.improve.loop import ImproveLoop
from logicnet.tuning.improve.plain import PLAIN
from logicnet.tuning.improve.practised import PracticeSampler, read_practice
from logicnet.tuning.improve.rounds import Round, Rounds, Step
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.training import JobLost, Trained
from logicnet.tuning.spec import TrainSpec
from tests.harness import adapters
from tests.harness.improving import Copying, answering, options, round_context, write_recipe
from tests.harness.scripted_model import ScriptedModel

# The race cancels calls while httpx2 connects for them; such a connection is left to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

KILLED = -9
BETTER = {"scripted": 0.6}


async def improved(folder: Path, text: object, **changes: object) -> Round:
    """The last round, after the loop has ended."""
    write_recipe(folder)
    async with ScriptedModel(loras=16, text=text) as server:  # type: ignore[arg-type]
        context = round_context(folder, server.base_url, **changes)
        await ImproveLoop(options(folder), context).run()
    return context.rounds.all()[-1]


@pytest.mark.thorough
async def test_a_candidate_that_is_better_is_proven_and_served(tmp_path: Path):
    write_recipe(tmp_path)
    trainer = Copying(tmp_path / "jobs")
    async with ScriptedModel(loras=16, text=answering(BETTER)) as server:
        context = round_context(tmp_path, server.base_url, trainer=trainer)
        reason = await ImproveLoop(options(tmp_path), context).run()
        assert list(server.adapters) == [context.rounds.all()[0].adapter]
    one = context.rounds.all()[0]
    assert one.step is Step.SERVED, one.reason
    assert "little left to learn" in reason
    serving = context.store.serving()
    assert serving is not None and serving.name == one.adapter
    assert serving.proof is not None and serving.proof["passed"]
    assert serving.profile is not None and "examples = 0" in serving.profile.read_text()
    assert (context.rounds.folder(1) / "report.html").stat().st_size > 1000
    rows = [
        json.loads(line) for line in (context.rounds.folder(1) / "lessons.jsonl").read_text().splitlines()
    ]
    assert len(rows) == one.lessons >= 50
    tested = {
        line["question"]
        for line in map(json.loads, (context.rounds.folder(1) / "test.jsonl").read_text().splitlines()[1:])
    }
    assert not [row for row in rows if row["instruction"].partition("\n")[0] in tested]
    assert trainer.specs[0].model == "scripted"


@pytest.mark.thorough
@pytest.mark.parametrize("right", [0.6, 0.1], ids=["no better", "worse"])
async def test_a_candidate_trained_on_wrong_lessons_is_not_served(tmp_path: Path, right: float):
    one = await improved(tmp_path, answering(BETTER, other=right))
    assert one.step is Step.UNPROVEN
    assert "reward" in one.reason
    store = round_context(tmp_path, "http://127.0.0.1:1/v1").store
    assert store.serving() is None
    assert [found.state for found in store.all()] == [AdapterState.REFUSED]


@pytest.mark.thorough
async def test_a_round_with_too_few_lessons_trains_nothing(tmp_path: Path):
    one = await improved(tmp_path, answering({"scripted": 0.0}))
    assert one.step is Step.TOO_FEW
    assert "0 new lessons" in one.reason
    assert not one.adapter


@pytest.mark.thorough
async def test_losses_that_do_not_fall_end_the_round_before_any_bench(tmp_path: Path):
    trainer = Copying(tmp_path / "jobs", losses=(0.5, 0.5))
    one = await improved(tmp_path, answering(BETTER), trainer=trainer)
    assert one.step is Step.UNPROVEN
    assert "did not fall" in one.reason
    assert not one.adapter


class Lost(Copying):
    async def train(self, task_id: str, spec: TrainSpec) -> Trained:
        raise JobLost(f"training job {task_id} failed: out of memory")


class Foreign(Copying):
    """Its adapter says something else on the server than the trainer wrote down."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, says=adapters.text(logprobs=[-9.0, -9.0, -9.0, -9.0]))


@pytest.mark.thorough
@pytest.mark.parametrize(("trainer", "why"), [(Lost, "out of memory"), (Foreign, "trainer wrote down")])
async def test_a_round_whose_adapter_cannot_be_had_is_given_up(
    tmp_path: Path, trainer: type[Copying], why: str
):
    one = await improved(tmp_path, answering(BETTER), trainer=trainer(tmp_path / "jobs"))
    assert one.step is Step.GIVEN_UP
    assert why in one.reason
    assert round_context(tmp_path, "http://127.0.0.1:1/v1").store.serving() is None


@pytest.mark.thorough
async def test_what_was_proven_against_another_than_what_serves_now_is_not_swapped_in(tmp_path: Path):
    """What served when the round began was rolled back meanwhile: nobody knows whether the base is worse."""
    write_recipe(tmp_path)
    async with ScriptedModel(loras=16, text=answering(BETTER)) as server:
        context = round_context(tmp_path, server.base_url)
        first = context.store.add(adapters.trained(tmp_path / "made"), "scripted", 1.0)
        context.store.prove(first.name, {"passed": True})
        context.store.serve(first.name, (server.base_url,), 2.0)
        await asyncio.to_thread(LoraServer(server.base_url).load, first.name, first.folder)

        def on_step(step: Step) -> None:
            if step is Step.SWAPPING:
                context.store.roll_back("it is slow", 3.0)

        watched = round_context(tmp_path, server.base_url, on_step=on_step)
        one = watched.rounds.begin(
            serving=first.name,
            plan=json.loads(options(tmp_path).model_dump_json()),
            counts={"apples.jsonl": 1},
        )
        candidate = watched.store.add(adapters.trained(tmp_path / "more"), "scripted", 4.0)
        watched.store.prove(candidate.name, {"passed": True})
        watched.rounds.move(one, Step.SWAPPING, adapter=candidate.name)
        await ImproveLoop(options(tmp_path), watched).run()
        assert candidate.name not in server.adapters
    (one,) = context.rounds.all()
    assert one.step is Step.PROVEN
    assert f"proven against {first.name}, and now the base serves" in one.reason
    assert context.store.serving() is None


@pytest.mark.thorough
async def test_an_adapter_that_costs_speed_is_merged_and_proven_so(tmp_path: Path):
    write_recipe(tmp_path)
    async with ScriptedModel(loras=16, text=answering(BETTER)) as server:
        context = round_context(tmp_path, server.base_url, most_slower=0.0001)
        host = context.hosts["adapter"]
        assert isinstance(host, BesideBase)
        context = round_context(
            tmp_path, server.base_url, most_slower=0.0001, hosts={"adapter": host, "merged": host}
        )
        await ImproveLoop(options(tmp_path), context).run()
    one = context.rounds.all()[0]
    assert one.form == "merged"
    assert [(found.form, found.state) for found in context.store.all()] == [
        ("merged", AdapterState.REFUSED),  # nothing is that fast
        ("adapter", AdapterState.REFUSED),
    ]


async def test_a_round_json_that_is_none_is_named(tmp_path: Path):
    rounds = Rounds(tmp_path)
    rounds.begin(serving="", plan={}, counts={})
    (rounds.folder(1) / "round.json").write_text('{"format": 1, "step": "dancing"}')
    with pytest.raises(TuningError, match="is no round"):
        rounds.all()


async def process(folder: Path, url: str, fatal: str = "") -> tuple[int, str]:
    """One run of the loop in a process of its own; its exit status, and what it said."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.harness.improving", str(folder), url, fatal),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, said.decode()


DEEDS = ("practising", "learning", "training", "adding", "after:add", "proving", "after:prove", "swapping")


@pytest.mark.thorough
async def test_a_round_goes_on_after_a_kill_at_each_step(tmp_path: Path):
    """One round, killed at each step and right after each deed; in the end its candidate serves."""
    write_recipe(tmp_path)
    async with ScriptedModel(loras=16, text=answering(BETTER)) as server:
        context = round_context(tmp_path, server.base_url)
        for fatal in (*DEEDS, "after:swap"):
            status, said = await process(tmp_path, server.base_url, fatal)
            assert status == KILLED, (fatal, said)
            serving = context.store.serving()
            assert serving is None or fatal == "after:swap"
            (one,) = context.rounds.all()
            assert not one.step.over
            if fatal == "practising":
                first = one.id
        status, said = await process(tmp_path, server.base_url)
        assert status == 0, said
        asked = len(server.chats)
    (one,) = context.rounds.all()
    assert (one.step, one.id) == (Step.SERVED, first)
    (only,) = context.store.all()
    assert only.state is AdapterState.SERVING and only.proof is not None
    assert asked > 0


@pytest.mark.thorough
async def test_what_was_practised_and_measured_before_a_kill_is_not_asked_again(tmp_path: Path):
    write_recipe(tmp_path)
    async with ScriptedModel(loras=16, text=answering(BETTER)) as server:
        context = round_context(tmp_path, server.base_url)
        for name, least in (("practice.jsonl", 40), ("proof-adapter/rows.jsonl", 5)):
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.harness.improving", str(tmp_path), server.base_url),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            file = context.rounds.folder(1) / name
            while not file.exists() or file.read_bytes().count(b"\n") < least:
                assert running.returncode is None
                await asyncio.sleep(0.02)
            running.kill()
            await running.wait()
            assert context.store.serving() is None
        status, said = await process(tmp_path, server.base_url)
        assert status == 0, said
    texts = list(read_practice(context.rounds.folder(1) / "practice.jsonl"))
    prompts = set(get_args(PracticeSampler)) - {"chat"}
    assert len({one.key for one in texts}) == len(texts) == 80 * len(prompts) + len(PLAIN)
    rows = [
        json.loads(line)
        for line in (context.rounds.folder(1) / "proof-adapter/rows.jsonl").read_text().splitlines()
    ]
    assert len({(row["target"], row["id"]) for row in rows}) == len(rows) == 2 * 16
    (one,) = context.rounds.all()
    assert one.step in (Step.SERVED, Step.UNPROVEN)  # rows in flight are lost, and with them some power
