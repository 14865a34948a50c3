"""Deployments: new challenges get what the table names, those in flight keep what they began with."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2

from logicnet.deadline import Deadline
from logicnet.errors import SettingsError
from logicnet.llm import Endpoint, Models
from logicnet.operate.telemetry.build import telemetry_server
from logicnet.operate.telemetry.deployments import Deployment, Deployments
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.monitored import MonitoredEndpoint
from logicnet.operate.telemetry.state import address_file
from logicnet.protocol import Answer, Challenge
from logicnet.settings import AdminSettings
from logicnet.tuning.improve.adapters import Adapter
from tests.unit.operate.telemetry.views import view


class Waiting:
    """A solver that answers with its name when it is let go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.go = asyncio.Event()

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await self.go.wait()
        return Answer("Because it waited.", self.name)


class Stage:
    """What the table says is `wanted`; what was built, and what was closed."""

    def __init__(self) -> None:
        self.wanted: Adapter | None = None
        self.built: dict[str, Waiting] = {}
        self.closed: list[str] = []
        self.broken = False

    async def build(self, adapter: Adapter | None) -> Deployment:
        name = adapter.name if adapter is not None else ""
        if self.broken:
            raise SettingsError("profile.toml: no such key")
        stack = AsyncExitStack()
        stack.callback(self.closed.append, name)
        self.built[name] = solver = Waiting(name or "base")
        models = MonitoredEndpoint(Endpoint("http://127.0.0.1:1/v1"))
        return Deployment(name, solver, models, stack)

    async def deployments(self) -> Deployments:
        return Deployments(await self.build(None), self.build, lambda: self.wanted)


def adapter(name: str) -> Adapter:
    return Adapter(name, "m", Path(name), "adapter", "")


def solving(deployments: Deployments) -> asyncio.Task[str]:
    async def solve() -> str:
        return (await deployments.solve(Challenge("What is it?"), Deadline.after(60))).answer.answer

    return asyncio.create_task(solve())


async def test_a_challenge_ends_on_what_it_began_with_and_that_is_closed_after_the_last():
    stage = Stage()
    deployments = await stage.deployments()
    old = [solving(deployments), solving(deployments)]
    await asyncio.sleep(0)
    stage.wanted = adapter("m-a1")
    assert (await deployments.follow()).in_flight == {"": 2}
    new = solving(deployments)
    await asyncio.sleep(0)
    assert deployments.now().in_flight == {"": 2, "m-a1": 1}
    assert stage.closed == []
    stage.built[""].go.set()
    assert await asyncio.gather(*old) == ["base", "base"]
    while not stage.closed:
        await asyncio.sleep(0)
    stage.built["m-a1"].go.set()
    assert await new == "m-a1"
    assert stage.closed == [""]
    await deployments.close()
    assert stage.closed == ["", "m-a1"]


async def test_what_cannot_be_started_changes_nothing_and_is_said():
    stage = Stage()
    deployments = await stage.deployments()
    stage.wanted, stage.broken = adapter("m-a1"), True
    found = await deployments.follow()
    assert (found.model, found.error) == ("", "profile.toml: no such key")
    stage.broken = False
    found = await deployments.follow()
    assert (found.model, found.error) == ("m-a1", "")
    await deployments.close()


async def test_the_running_miner_is_told_over_its_telemetry(tmp_path):
    stage = Stage()
    deployments = await stage.deployments()
    with view(tmp_path / "l.sqlite", Meter()) as seen, telemetry_server(seen, AdminSettings(), deployments):
        miner = RunningMiner(seen.ledger.path)
        stage.wanted = adapter("m-a1")
        assert (await asyncio.to_thread(miner.follow)).model == "m-a1"
        assert (await asyncio.to_thread(miner.look)).model == "m-a1"
        url = json.loads(address_file(seen.ledger.path).read_bytes())["url"]
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            assert (await http.post(f"{url}/state")).status_code == 405
            foreign = await http.post(f"{url}/model", headers={"host": "evil.example"})
            assert foreign.status_code == 403
    assert await asyncio.to_thread(miner.follow) is None
    await deployments.close()
