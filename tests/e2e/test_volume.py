"""A running miner that is about to break its promise says so, once, while every answer is still in time."""

from __future__ import annotations

import asyncio

from tests.e2e.conftest import until
from tests.harness.scripted_model import Mode, ScriptedModel

WORD = "Near overload at --miner.epoch_volume 512"


async def test_it_is_said_once_and_before_an_answer_is_lost(miner):
    async with ScriptedModel(mode=Mode.HANG_IN_TEXT) as server:  # so slow that each answer takes all its time
        running = miner("--miner.llm_client.base_url", server.base_url, "--miner.solver", "direct")
        async with running.asked_by("alice") as alice:
            for _ in range(3):
                replies = await asyncio.gather(
                    *(alice.challenge(f"What is {n}+5?", wire="btauth", timeout_s=6) for n in range(8))
                )
                assert all(reply.success and reply.answer for reply in replies), replies
            await until(lambda: WORD in running.said)
        running.child.stop()
    assert running.said.count(WORD) == 1
