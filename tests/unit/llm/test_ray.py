"""A Ray cluster's dashboard, scripted: which of its jobs a pool asks. tests/tuning has a real cluster."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from logicnet.errors import ModelError
from logicnet.llm import Pool, Spec, pool
from logicnet.llm.ray import replicas
from tests.harness.loopback import Loopback
from tests.harness.said import listening
from tests.harness.scripted_model import ScriptedModel
from tests.unit.llm.test_pool import ask, opened, probes, until

__all__ = ["probes"]
pytestmark = pytest.mark.own_time


@dataclass(kw_only=True)
class Dashboard(Loopback):
    """`GET /api/jobs/`."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    body: bytes | None = None  # instead of them
    asked: int = 0

    @property
    def spec(self) -> Spec:
        return Spec(f"http://127.0.0.1:{self.port}", ray=True)

    def run(self, server: ScriptedModel, **metadata: str) -> None:
        """A job that serves."""
        self.jobs.append(job(**{"logicnet.port": str(server.port), **metadata}))

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("GET /api/jobs/ ")
        self.asked += 1
        body = self.body if self.body is not None else json.dumps(self.jobs).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        return True


def job(status: str = "RUNNING", **metadata: str) -> dict[str, Any]:
    """As Ray 2.60 lists it, shortened."""
    return {
        "type": "SUBMISSION",
        "submission_id": "raysubmit_TMseWKxUfE8fMLCT",
        "driver_info": None,
        "status": status,
        "metadata": metadata,
        "driver_agent_http_address": "http://127.0.0.1:52365",
    }


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_FOLLOW_S", 0.05)


def names(models: Pool) -> set[str]:
    return {one.name for one in models.status()}


async def test_only_running_jobs_with_a_port_are_servers() -> None:
    async with Dashboard() as ray:
        ray.jobs = [
            job(),  # of somebody else
            job("PENDING", **{"logicnet.port": "8000"}),
            job("FAILED", **{"logicnet.port": "8001"}),
            job(**{"logicnet.port": "many"}),
            job(**{"logicnet.port": "0"}),
            job(**{"logicnet.port": "8002"}) | {"driver_agent_http_address": None},
            {"status": "RUNNING", "metadata": None},
            job(**{"logicnet.port": "8003", "logicnet.model": "large"}),
        ]
        found = await replicas(ray.spec)
    assert {url: one.model for url, one in found.items()} == {"http://127.0.0.1:8003/v1": "large"}
    assert not any(one.ray for one in found.values())


@pytest.mark.thorough
async def test_replicas_join_when_they_answer_and_leave_with_their_job() -> None:
    async with AsyncExitStack() as stack:
        fixed, first, second = [
            await stack.enter_async_context(ScriptedModel(model=f"m{n}", pause_s=0.05)) for n in range(3)
        ]
        ray = await stack.enter_async_context(Dashboard())
        models = await stack.enter_async_context(opened(Spec(fixed.base_url), ray.spec))
        models.start()
        assert names(models) == {fixed.base_url}
        ray.run(first, **{"logicnet.model": "m1"})
        ray.jobs.append(job(**{"logicnet.port": "9"}))  # its vLLM is still loading
        await until(lambda: names(models) == {fixed.base_url, first.base_url})
        ray.run(second)
        await until(lambda: len(models.status()) == 3)
        calls = [asyncio.create_task(ask(models)) for _ in range(12)]
        await until(lambda: first.running and second.running)
        ray.jobs = ray.jobs[1:]  # the first one's job has ended, and its server with it
        await first.__aexit__(None, None, None)
        await until(lambda: names(models) == {fixed.base_url, second.base_url})
        assert {one.finish for one in await asyncio.gather(*calls)} == {"stop"}


@pytest.mark.thorough
async def test_a_replica_that_leaves_in_peace_loses_no_call() -> None:
    async with Dashboard() as ray, ScriptedModel(pause_s=0.05) as one, ScriptedModel(pause_s=0.05) as other:
        ray.run(one)
        ray.run(other)
        async with opened(ray.spec) as models:
            models.start()
            await until(lambda: len(models.status()) == 2)
            calls = [asyncio.create_task(ask(models)) for _ in range(6)]
            await until(lambda: one.running and other.running)
            ray.jobs.pop(0)
            await until(lambda: names(models) == {other.base_url})
            assert {done.finish for done in await asyncio.gather(*calls)} == {"stop"}


@pytest.mark.thorough
@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"[3]"])
async def test_a_dashboard_that_says_nothing_leaves_the_replicas_as_they_are(body: bytes) -> None:
    async with Dashboard() as ray, ScriptedModel() as server:
        ray.run(server)
        async with opened(ray.spec) as models:
            models.start()
            await until(lambda: len(models.status()) == 1)
            with listening() as said:
                ray.body, asked = body, ray.asked
                await until(lambda: ray.asked > asked + 3)
                lines = [line for line in said if "No Ray cluster answers at" in line]
                assert len(lines) == 1 and lines[0].endswith("1 of its replicas are known.")
            assert (await ask(models)).finish == "stop"


async def test_without_a_cluster_a_call_fails_in_one_line_and_it_is_named() -> None:
    async with Dashboard() as ray:
        pass
    async with opened(ray.spec) as models:
        done = await ask(models)
    assert (done.finish, done.error) == ("failed", "no model can be asked")
    with pytest.raises(ModelError, match=f"no Ray cluster answers at {ray.spec.url}.*ray start --head"):
        await replicas(ray.spec)
