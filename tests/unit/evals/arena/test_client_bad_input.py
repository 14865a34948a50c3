"""Replies as nobody should send them: each ends within its time, in bounded memory, with what happened."""

import tracemalloc

import pytest
from bittensor.sp_core import Keypair

from logicnet.evals.arena.client import LONGEST_REPLY_BYTES, MinerReply, ValidatorClient
from tests.harness.scripted_miner import MEGABYTE, Mode, ScriptedMiner

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator")
TIMEOUT_S = 60.0  # of those that end by themselves; the machine may be busy

REFUSED = {
    Mode.REFUSE: (429, "Your quota is used up."),
    Mode.CLOSE: (0, "the miner closed the connection without a reply"),
    Mode.GARBAGE: (0, "the reply is not HTTP"),
    Mode.HTML: (503, "the reply is not a JSON object"),
    Mode.EMPTY: (200, "the reply is not a JSON object"),
    Mode.CUT: (0, "the reply broke off"),
    Mode.ENDLESS: (200, f"the reply is longer than {LONGEST_REPLY_BYTES} bytes"),
    Mode.NESTED: (200, "the reply is not a JSON object"),
    Mode.BOMB: (200, "the reply is not a JSON object"),
    Mode.REDIRECT: (307, "the reply is not a JSON object"),
    Mode.NO_STATUS: (200, ""),
}


async def ask(mode: Mode, timeout_s: float = TIMEOUT_S) -> MinerReply:
    async with ScriptedMiner(MINER, mode=mode) as miner:
        client = ValidatorClient(VALIDATOR, miner_ss58=MINER.ss58_address, base_url=f"http://{miner.address}")
        async with client:
            return await client.challenge("2+2?", wire="classic", timeout_s=timeout_s, task_uid="t")


@pytest.mark.parametrize("mode", REFUSED)
async def test_what_is_no_reply_is_refused_and_says_why(mode):
    reply = await ask(mode)
    assert not reply.success
    assert (reply.status, reply.message) == REFUSED[mode]


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.TRICKLE])
async def test_what_never_ends_ends_with_the_time(mode):
    reply = await ask(mode, timeout_s=0.2)
    assert (reply.success, reply.status, reply.message) == (False, 0, "no reply within 0.2 s")


async def test_an_endless_body_takes_bounded_memory():
    await ask(Mode.ENDLESS)  # whatever is imported or cached with the first one
    tracemalloc.start()
    await ask(Mode.ENDLESS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * LONGEST_REPLY_BYTES


async def test_an_answer_of_a_megabyte_is_read():
    reply = await ask(Mode.LONG)
    assert reply.success
    assert len(reply.answer) == MEGABYTE


async def test_other_shapes_become_text():
    reply = await ask(Mode.SHAPES)
    assert reply.success
    assert (reply.answer, reply.reasoning) == ("['4', {'x': None}]", "17")


def test_a_list_too_deep_for_words_is_no_answer():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert MinerReply(True, 1.0, fields={"logic_answer": deep}).answer == ""
    while deep:  # or else its end would need the stack too
        deep = deep[0]  # type: ignore[assignment]


async def test_the_request_holds_what_a_validator_sends_and_no_more():
    async with ScriptedMiner(MINER) as miner:
        url = f"http://{miner.address}"
        async with ValidatorClient(VALIDATOR, miner_ss58=MINER.ss58_address, base_url=url) as client:
            await client.challenge("2+2?", wire="classic", category="Logic", task_uid="t-1")
            await client.challenge("2+2?", wire="btauth", category="Logic", task_uid="t-1")
    for body in miner.challenges:
        assert (body["logic_question"], body["category"], body["task_uid"]) == ("2+2?", "Logic", "t-1")
        assert (body["raw_logic_question"], body["ground_truth_answer"]) == ("", None)
        assert body["timeout"] == 64.0
    classic = miner.challenges[0]["axon"]
    assert (classic["ip"], classic["port"]) == ("127.0.0.1", miner.port)
    assert miner.wires == ["classic", "btauth"]
