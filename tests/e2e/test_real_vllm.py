"""The main job on real parts: a signed challenge in, an answer from a real vLLM out, in time."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest

from logicnet._util.processes import free_port
from logicnet.evals.challenges.mathgenerator import easy_tasks
from logicnet.operate.console.machine import MachineReader
from logicnet.operate.console.source import MinerSource
from tests.e2e.conftest import START_S, Miner, StartMiner, Vllm, until

LONG = "Write the numbers from 1 to 500, each on a line of its own, with its square and its cube."


def mining(miner: StartMiner, vllm: Vllm, *flags: str) -> Miner:
    return miner("--miner.llm_client.base_url", vllm.base_url, *flags)


async def written(vllm: Vllm, tokens: float) -> None:
    """Wait until it has generated so many in all."""
    async with asyncio.timeout(START_S):
        while await vllm.metric("generation_tokens_total") < tokens:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("wire", ["classic", "btauth"])
async def test_a_challenge_is_answered_with_the_models_own_words(miner, vllm, wire):
    running = mining(miner, vllm)
    before = await vllm.metric("generation_tokens_total")
    question = "Which animal is larger, a mouse or an elephant?"  # not one that can be computed
    async with running.asked_by("alice") as alice:
        information = await alice.information(wire=wire)
        reply = await alice.challenge(question, wire=wire, category="Logic", task_uid="t-1")
    assert information.fields["response_dict"] == {"epoch_volume": 512, "category": "Logic"}
    assert reply.success, reply.message
    assert reply.answer.strip()
    assert len(reply.reasoning.split()) > 3
    assert await vllm.metric("generation_tokens_total") > before
    assert reply.fields["task_uid"] == "t-1"
    assert "elephant" not in running.said


async def test_the_console_reads_its_model_cache_and_first_token_time(miner, vllm):
    running = mining(miner, vllm)
    with MinerSource(running.ledger, machine=MachineReader()) as source:
        async with running.asked_by("alice") as alice, asyncio.timeout(START_S):
            while not (found := (await asyncio.to_thread(source.snapshot)).machine.vllms):
                await asyncio.sleep(0.1)
            (first,) = found
            await alice.challenge("Which animal is larger, a cat or a cow?", wire="classic")
            while found[0].first_token_s is None:
                await asyncio.sleep(0.1)
                found = (await asyncio.to_thread(source.snapshot)).machine.vllms or found
    assert first.model and first.place in vllm.base_url
    assert 0 <= first.kv_used <= 1
    (last,) = found
    assert last.first_token_s > 0 and last.tokens_per_s > 0
    assert 0 <= last.prefix_hits <= 1


async def test_sixteen_at_once_are_all_answered_before_their_deadline(miner, vllm):
    running = mining(miner, vllm)
    tasks = easy_tasks(16, seed=16)
    async with running.asked_by("alice") as alice, running.asked_by("bob") as bob:
        replies = await asyncio.gather(
            *(
                (alice, bob)[number % 2].challenge(
                    task.question, wire=("classic", "btauth")[number // 2 % 2], timeout_s=40
                )
                for number, task in enumerate(tasks)
            )
        )
    assert [(reply.success, bool(reply.answer)) for reply in replies] == [(True, True)] * 16


async def test_a_caller_who_hangs_up_stops_the_generation(miner, vllm):
    running = mining(miner, vllm)
    async with running.asked_by("alice") as alice:
        asking = asyncio.create_task(alice.challenge(LONG, wire="classic"))
        await vllm.busy(asking)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    await vllm.idle()
    tokens = await vllm.metric("generation_tokens_total")
    await asyncio.sleep(2)
    assert await vllm.metric("generation_tokens_total") == tokens
    await until(lambda: "hung up" in running.said.lower())


async def test_a_deadline_stops_the_generation_too(miner, vllm):
    running = mining(miner, vllm)
    async with running.asked_by("alice") as alice:
        reply = await alice.challenge(LONG, wire="btauth", timeout_s=6)
    assert reply.success, reply.message
    assert reply.answer
    await vllm.idle()
    tokens = await vllm.metric("generation_tokens_total")
    await asyncio.sleep(2)
    assert await vllm.metric("generation_tokens_total") == tokens


async def test_a_question_far_longer_than_the_context_is_answered(miner, vllm):
    running = mining(miner, vllm)
    story = "A farmer counts apples and pears in the old orchard behind the red barn. "
    question = (
        "How many apples are in three bags of four? " + story * (21_000 // len(story)) + "How many apples?"
    )
    assert len(question.encode()) > 20_000
    before = await vllm.metric("generation_tokens_total")
    async with running.asked_by("alice") as alice:
        reply = await alice.challenge(question, wire="classic")
    assert reply.success, reply.message
    assert reply.answer
    assert await vllm.metric("generation_tokens_total") > before


@pytest.mark.parametrize("when", ["before the first token", "while it writes"])
async def test_a_vllm_that_hangs_costs_no_answer(miner, vllm, when):
    running = mining(miner, vllm)
    await vllm.idle()
    before = await vllm.metric("generation_tokens_total")
    async with running.asked_by("alice") as alice, running.asked_by("bob") as bob:
        if when == "before the first token":
            vllm.child.signal(signal.SIGSTOP)
        try:
            asking = [
                asyncio.create_task(alice.challenge(LONG, wire="classic", timeout_s=30)),
                asyncio.create_task(bob.challenge("What is 2+3?", wire="btauth", timeout_s=30)),
            ]
            if when == "while it writes":
                await vllm.busy(asking[0])
                await written(vllm, before + 20)
                vllm.child.signal(signal.SIGSTOP)
            replies = await asyncio.gather(*asking)
        finally:
            vllm.child.signal(signal.SIGCONT)
        assert [reply.success for reply in replies] == [True, True], [r.message for r in replies]
        if when == "while it writes":
            assert replies[0].reasoning  # what had been written is not lost
        await vllm.idle()
        again = await alice.challenge("What is 2+3?", wire="classic", timeout_s=40)
    assert again.success
    assert again.answer


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_told_to_stop_it_answers_what_it_admitted(miner, vllm, number, status):
    running = mining(miner, vllm)
    async with running.asked_by("alice") as alice, running.asked_by("bob") as bob:
        asking = asyncio.create_task(alice.challenge(LONG, wire="classic", timeout_s=30))
        await vllm.busy(asking)
        running.child.process.send_signal(number)
        await until(lambda: "topping" in running.said)
        late = await bob.challenge("What is 2+3?", wire="classic", timeout_s=15)
        reply = await asking
    assert reply.success, reply.message
    assert reply.answer
    assert not late.success
    assert await asyncio.to_thread(running.child.process.wait, START_S) == status
    assert "Traceback" not in running.said


async def test_a_model_server_that_is_not_there_costs_no_answer(miner):
    running = miner("--miner.llm_client.base_url", f"http://127.0.0.1:{free_port()}/v1")
    async with running.asked_by("alice") as alice:
        reply = await alice.challenge("What is 2+3?", wire="classic", timeout_s=8)
    assert reply.success, reply.message
    assert reply.answer
