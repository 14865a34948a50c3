"""A swap and a roll back under load: real miner, real `logicnet tune`, a server that speaks vLLM's calls."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from logicnet.evals.arena.client import MinerReply
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.tuning.improve.adapters import AdapterStore
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Swapper
from tests.e2e.conftest import Miner, StartMiner, until
from tests.harness.adapters import proven, trained
from tests.harness.scripted_model import ScriptedModel

IN_FLIGHT = 200
ANSWER = "Each step is clear. The answer is 7."


@dataclass
class Scene:
    """A running miner that asks `server`, and the flags that the commands get to find both."""

    miner: Miner
    server: ScriptedModel
    store: AdapterStore
    folder: Path

    @property
    def swapper(self) -> Swapper:
        return Swapper(self.store, [LoraServer(self.server.base_url)], RunningMiner(self.miner.ledger))

    def adapter(self) -> str:
        """A new version, proven."""
        number = len(self.store.all())
        return proven(self.store, trained(self.folder / f"made-{number}")).name

    async def tune(self, *words: str) -> asyncio.subprocess.Process:
        """Start `logicnet tune WORDS`."""
        flags = ["--tuning.folder", str(self.store.root), "--ledger.path", str(self.miner.ledger)]
        flags += ["--miner.llm_client.base_url", self.server.base_url]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logicnet", "tune", *words, *flags),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def done(self, *words: str) -> str:
        """Run `logicnet tune WORDS` to its good end; what it said."""
        running = await self.tune(*words)
        said = (await running.communicate())[0].decode()
        assert running.returncode == 0, said
        return said

    def names(self) -> dict[int, set[str]]:
        """The models that each question was asked of, by its number."""
        found: dict[int, set[str]] = {}
        for chat in self.server.chats:
            for number in re.findall(r"riddle (\d+)", str(chat["messages"])):
                found.setdefault(int(number), set()).add(chat["model"])
        return found


@asynccontextmanager
async def staged(start: StartMiner, folder: Path, *flags: str) -> AsyncIterator[Scene]:
    async with ScriptedModel(loras=16, text=ANSWER) as server:
        store = AdapterStore(folder / "tuning")
        words = ["--tuning.folder", str(store.root), "--miner.llm_client.base_url", server.base_url]
        words += ["--miner.solver", "direct", "--miner.max_in_flight", "1000", "--miner.epoch_volume", "5000"]
        miner = await asyncio.to_thread(start, *words, *flags)
        yield Scene(miner, server, store, folder)


@asynccontextmanager
async def asked(scene: Scene, numbers: range) -> AsyncIterator[list[asyncio.Task[MinerReply]]]:
    """All of them in flight: the server has the first call of each, and answers none."""
    scene.server.goes_on = asyncio.Event()
    before = len(scene.server.chats)
    async with scene.miner.asked_by("alice") as alice:
        asking = [
            asyncio.create_task(
                alice.challenge(
                    f"What does riddle {number} hide?", wire=("classic", "btauth")[number % 2], timeout_s=60
                )
            )
            for number in numbers
        ]
        await until(lambda: len(scene.server.chats) >= before + len(numbers))
        yield asking


STEPS = (
    ("models", 1),  # before anything
    ("models", 2),
    ("load_lora_adapter", 1),
    ("completions", 1),  # the probe
    ("completions", 2),
    ("models", 3),  # the table names it, the miner asks it
    ("unload_lora_adapter", 1),
)
"""Which request of a swap, by the end of its path and its number, the server has when the swap is killed."""


async def test_a_swap_that_is_killed_at_any_step_leaves_a_proven_model_that_answers(miner, tmp_path):
    async with staged(miner, tmp_path) as scene:
        served = {"scripted"}
        for riddle, (step, number) in enumerate(STEPS):
            swap = await scene.tune("swap", scene.adapter())
            left = [number]

            def kill(path: str, step: str = step, left: list[int] = left, pid: int = swap.pid) -> None:
                left[0] -= path.endswith(step)
                if not left[0]:
                    os.kill(pid, signal.SIGKILL)

            scene.server.on_request = kill
            said = (await swap.communicate())[0].decode()
            scene.server.on_request = None
            assert swap.returncode == -signal.SIGKILL, f"{step} {number}: {said}"
            serving = scene.store.serving()
            assert serving is None or serving.proof
            served |= {serving.name} if serving else set()
            async with scene.miner.asked_by("alice") as alice:
                reply = await alice.challenge(f"What does riddle {riddle} hide?", wire="classic")
            assert reply.success
            assert "7" in reply.answer
        name = scene.adapter()
        await scene.done("swap", name)  # what a kill left behind does not hinder the next
        previous = scene.store.previous()
        assert set(scene.server.adapters) == {name, *([previous.name] if previous else [])}
    assert {chat["model"] for chat in scene.server.chats} <= served | {name}


async def test_a_swap_and_a_roll_back_lose_none_of_two_hundred_in_flight(miner, tmp_path):
    async with staged(miner, tmp_path) as scene:
        first, second = range(IN_FLIGHT), range(IN_FLIGHT, 2 * IN_FLIGHT)
        third = range(2 * IN_FLIGHT, 2 * IN_FLIGHT + 8)
        name = scene.adapter()
        async with asked(scene, first) as asking:
            await asyncio.to_thread(scene.swapper.swap, name)
            async with asked(scene, second) as more:
                rolling = asyncio.create_task(asyncio.to_thread(scene.swapper.roll_back, "for a test"))
                await until(lambda: scene.store.serving() is None)
                await until(lambda: "are asked of the base model" in scene.miner.said)
                assert name in scene.server.adapters  # 200 challenges still end on it
                async with asked(scene, third) as last:
                    scene.server.goes_on.set()
                    replies = await asyncio.gather(*asking, *more, *last)
            await rolling
    assert all(reply.success and "7" in reply.answer for reply in replies)
    assert len(replies) == 2 * IN_FLIGHT + 8
    found = scene.names()
    assert {frozenset(found[number]) for number in first} == {frozenset({"scripted"})}
    assert {frozenset(found[number]) for number in second} == {frozenset({name})}
    assert {frozenset(found[number]) for number in third} == {frozenset({"scripted"})}
    assert scene.server.adapters == {}
