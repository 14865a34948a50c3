"""A miner that races, as it runs: over both wires, sixteen at once, with a model server that fails."""

import asyncio

import psutil

from logicnet.evals.arena.client import MinerReply
from logicnet.protocol import Wire
from tests.e2e.conftest import START_S, until
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.unit.solver.race.course import QUESTION, STEPS, as_asked

WIRES: tuple[Wire, ...] = ("classic", "btauth")
MODES = (Mode.NORMAL, Mode.HANG_IN_TEXT, Mode.ERROR_500, Mode.DROP, Mode.TRICKLE)


async def test_the_default_solver_answers_over_both_wires_and_leaves_nothing_behind(miner):
    async with ScriptedModel(
        text=as_asked, model="HuggingFaceTB/SmolLM2-135M-Instruct", context=8192
    ) as server:
        running = miner("--miner.llm_client.base_url", server.base_url)
        async with running.asked_by("alice") as alice:
            for wire in WIRES:
                reply = await alice.challenge(QUESTION, wire=wire)
                assert reply.success, reply.message
                assert reply.answer == "72"
                assert any(told in reply.reasoning for told in (STEPS.split("\n")[0], "Let april be 48."))
                server.mode = Mode.HANG_IN_TEXT  # so that no lane is quicker than the one that computes
                exact = await alice.challenge("What is 12% of 45?", wire=wire)
                assert exact.answer == "5.4"
                server.mode = Mode.NORMAL
        await until(lambda: ": profile 'small'." in running.said)
        async with asyncio.timeout(60):
            await server.idle()
        children = psutil.Process(running.child.pid).children(recursive=True)
        assert children  # its workers
        running.child.process.terminate()  # as pm2 does; `stop` would end what is left over, too
        await asyncio.to_thread(running.child.process.wait, START_S)
        _, left = await asyncio.to_thread(psutil.wait_procs, children, START_S)
        assert not left


async def test_sixteen_at_once_are_answered_in_time_whatever_the_server_does(miner):
    def mode(number: int) -> Mode:
        return MODES[number % len(MODES)]

    async with ScriptedModel(text=as_asked, context=8192) as server:
        running = miner(
            "--miner.llm_client.base_url", server.base_url, "--miner.llm_client.model", "scripted"
        )
        async with running.asked_by("alice") as alice:

            async def ask(number: int) -> MinerReply:
                question = f"{QUESTION} Her shop is number {number}."
                return await alice.challenge(question, wire=WIRES[number % 2], timeout_s=60.0)

            server.mode = mode
            replies = await asyncio.gather(*map(ask, range(16)))
            assert all(reply.success for reply in replies), [reply.message for reply in replies]
            assert sum(reply.answer == "72" for reply in replies) >= 12
            async with asyncio.timeout(60):
                await server.idle()
