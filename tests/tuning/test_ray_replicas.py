"""A Ray cluster of two nodes, whose replicas come and go while a pool asks them."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from logicnet._util.processes import free_port
from logicnet.cli import main
from logicnet.deadline import Deadline
from logicnet.llm import Completion, Message, Pool, Retrying, Spec
from logicnet.tuning.ray_engine import connected
from tests.harness.ray_cluster import ray_cluster

WITHIN_S = 120.0
AT_ONCE = 8
SERVER = """
import asyncio, sys
from tests.harness.scripted_model import ScriptedModel

async def serve():
    async with ScriptedModel(host="0.0.0.0", port=int(sys.argv[1]), model="scripted", pause_s=0.1):
        await asyncio.Event().wait()

asyncio.run(serve())
"""
ROOT = Path(__file__).parents[2]


async def until(true: Callable[[], object], said: Callable[[], object]) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            while not true():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(said()) from None


def served(client: Any, port: int) -> str:
    """Submit a replica: it takes the GPU of its node."""
    words = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", SERVER, str(port)]
    name: str = client.submit_job(
        entrypoint=f"exec {shlex.join(words)}",
        entrypoint_num_gpus=1,
        metadata={"logicnet.port": str(port)},
    )
    return name


def _the_plan_is_checked(dashboard: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["plan", "--card", "L4", "--model", "Qwen3-4B", "--ray", dashboard, "--hosts"]
    assert main([*asked, "2"]) == 0
    assert f"Ray at {dashboard} has 2 nodes with 1, 1 GPUs: as planned." in capsys.readouterr().out
    assert main([*asked, "3"]) == 1
    assert "and the plan takes 3 with 1 each: on each missing host `ray start" in capsys.readouterr().err


async def test_the_pool_finds_the_replicas_of_a_cluster_as_they_come_and_go(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ray_cluster() as cluster:
        node = cluster.add()
        cluster.wait(2)
        _the_plan_is_checked(cluster.address, capsys)
        client = connected(cluster.address)
        pool = Pool([Spec(cluster.address, ray=True)])
        models, over = Retrying(pool), asyncio.Event()
        answers: list[Completion] = []

        def listed() -> set[int | None]:
            return {urlsplit(one.name).port for one in pool.status()}

        def here() -> set[int | None]:
            return {urlsplit(one.name).port for one in pool.status() if one.well}

        def said() -> object:
            return pool.status(), [(job.status, job.message) for job in client.list_jobs()], answers[-3:]

        async def ask_on() -> None:
            while not over.is_set():
                question = [Message("user", "How many clips did Natalia sell?")]
                answers.append(await models.complete(question, deadline=Deadline.after(64), max_tokens=64))

        pool.start()
        ports = [free_port() for _ in range(3)]
        jobs = [await asyncio.to_thread(served, client, port) for port in ports[:2]]
        askers = []
        try:
            await until(lambda: here() == set(ports[:2]), said)
            askers = [asyncio.create_task(ask_on()) for _ in range(AT_ONCE)]
            await until(lambda: len(answers) >= AT_ONCE, said)
            agents = {job.metadata["logicnet.port"]: job for job in client.list_jobs()}
            assert len({job.driver_node_id for job in agents.values()}) == 2  # a node each
            # A replica is stopped: it leaves, and another takes its place.
            await asyncio.to_thread(client.stop_job, jobs[0])
            await until(lambda: listed() == {ports[1]}, said)
            count = len(answers)
            jobs.append(await asyncio.to_thread(served, client, ports[2]))
            await until(lambda: here() == {*ports[1:]}, said)
            # A node is lost with all that runs on it, while questions are in flight.
            node.kill()
            await until(lambda: len(here()) == 1, said)
            (left,) = here()
            await until(lambda: len(answers) >= count + 2 * AT_ONCE, said)
            # Another node: the lost replica is submitted again, and found.
            cluster.add()
            cluster.wait(2)
            (lost,) = {*ports[1:]} - {left}
            await asyncio.to_thread(served, client, lost)
            await until(lambda: here() == {*ports[1:]}, said)
        finally:
            over.set()
            await asyncio.gather(*askers)
            await pool.close()
    texts = {(one.finish, one.text.endswith("The answer is 72.")) for one in answers}
    assert texts == {("stop", True)}, json.dumps([one.error for one in answers if one.error])
