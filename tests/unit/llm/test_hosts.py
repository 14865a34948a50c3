"""Four hosts of one miner, each with its own speed, price and model: they leave and return under the load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from logicnet.llm import Limit, Pool, Spec
from logicnet.protocol import LOGIC_TIMEOUT_S, Answer, Challenge
from logicnet.solver.direct import DirectSolver
from tests.harness.own_time import after
from tests.harness.scripted_model import ScriptedModel
from tests.unit.llm.test_pool import chats, probes, until

__all__ = ["probes"]
pytestmark = [pytest.mark.own_time, pytest.mark.thorough]

AT_ONCE = 200
QUESTION = "Natalia sold 48 clips in April, and half as many in May. How many in all? (Number {}.)"
FREE = ("fast", "medium", "slow")
PAID = Limit(100.0, price_in=0.15, price_out=0.60, money=True)


class Hosts:
    """Fast, medium, slow, and one that costs money; all asked by one pool."""

    def __init__(self) -> None:
        speeds = {"fast": 0.05, "medium": 0.1, "slow": 0.2, "paid": 0.05}  # seconds a word
        self.all = {
            name: ScriptedModel(model=f"{name}-model", pause_s=pause) for name, pause in speeds.items()
        }
        self.here: dict[str, AsyncExitStack] = {}
        self.in_flight = self.asked = self.in_time = 0

    async def come(self, name: str) -> None:
        self.here[name] = AsyncExitStack()
        await self.here[name].enter_async_context(self.all[name])

    async def leave(self, name: str) -> None:
        """Connections break, and no new one is accepted."""
        await self.here.pop(name).aclose()

    def pool(self) -> Pool:
        specs = [
            Spec(host.base_url, host.model, limit=PAID if name == "paid" else None)
            for name, host in self.all.items()
        ]
        return Pool(specs, None, asyncio.get_running_loop().time)

    async def ask_on(self, pool: Pool, number: int, over: asyncio.Event) -> None:
        """One challenge after the other."""
        asked = 0
        while not over.is_set():
            asked += 1
            deadline = after(LOGIC_TIMEOUT_S)
            self.in_flight += 1
            answer: Answer = await DirectSolver().solve(
                Challenge(QUESTION.format(f"{number}-{asked}")), deadline, pool
            )
            self.in_flight -= 1
            self.asked += 1
            self.in_time += answer.answer == "72" and not deadline.passed()


@asynccontextmanager
async def loaded() -> AsyncIterator[tuple[Hosts, Pool]]:
    """So many challenges in flight, over all hosts; at the end all have been answered."""
    hosts, over = Hosts(), asyncio.Event()
    for name in hosts.all:
        await hosts.come(name)
    pool = hosts.pool()
    try:
        askers = [asyncio.create_task(hosts.ask_on(pool, number, over)) for number in range(AT_ONCE)]
        await until(lambda: all(hosts.all[name].running > 5 for name in FREE), 60)
        assert hosts.in_flight == AT_ONCE
        yield hosts, pool
        over.set()
        await asyncio.gather(*askers)
    finally:
        await pool.close()
        for name in [*hosts.here]:
            await hosts.leave(name)
    assert hosts.in_time == hosts.asked >= AT_ONCE


async def test_one_of_four_hosts_leaves_and_returns_with_200_challenges_in_flight() -> None:
    async with loaded() as (hosts, pool):
        host = hosts.all["fast"]
        await hosts.leave("fast")
        before = len(chats(host))
        await until(lambda: not pool.status()[0].well, 60)
        await until(lambda: hosts.asked > 50, 60)
        assert hosts.in_flight == AT_ONCE
        await hosts.come("fast")
        await until(lambda: len(chats(host)) > before + 10, 60)
    assert all(chats(hosts.all[name]) for name in FREE)
    assert chats(hosts.all["paid"]) == []  # it costs, and a free one is always left


async def test_if_all_free_hosts_leave_the_paid_one_answers_and_they_take_over_again() -> None:
    async with loaded() as (hosts, pool):
        for name in FREE:
            await hosts.leave(name)
        await until(lambda: len(chats(hosts.all["paid"])) > 50, 60)
        assert pool.costs()
        for name in FREE:
            await hosts.come(name)
        await until(lambda: all(one.well for one in pool.status()), 60)
        assert 0 < pool.status()[-1].spent <= PAID.per_day
