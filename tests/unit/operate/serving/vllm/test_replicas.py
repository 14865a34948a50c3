"""Several vLLMs side by side: what each is kept to, and what the end of one means to the others."""

from __future__ import annotations

import asyncio
import os
import sys

import httpx2
import pytest

from logicnet._util.processes import free_port
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving import choose, gpus
from logicnet.operate.serving.options import VllmOptions
from logicnet.operate.serving.vllm.health import LivenessProber
from logicnet.operate.serving.vllm.launch import Launch
from logicnet.operate.serving.vllm.process import exclusive
from logicnet.operate.serving.vllm.replicas import Replicas, router_launch
from logicnet.operate.serving.vllm.run import launches
from logicnet.operate.serving.vllm.supervisor import Supervisor
from tests.harness.scripted_nvml import ScriptedGpu, ScriptedNvml
from tests.unit.operate.serving.vllm.test_supervisor import PATIENCE, SAID, Stage, alive, stage

__all__ = ["stage"]
MODEL = "Qwen/Qwen2.5-7B-Instruct"


def four(monkeypatch: pytest.MonkeyPatch, visible: str | None) -> None:
    """GPUs of this machine."""
    nvml = ScriptedNvml([ScriptedGpu()] * 4)
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    monkeypatch.setattr(choose, "detect", lambda: gpus.detect(nvml, environ))
    for name in ("CUDA_VISIBLE_DEVICES", "VLLM_CPU_OMP_THREADS_BIND"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def started(replicas: int, *words: str, **more: object) -> list[Launch]:
    asked = VllmOptions(python="py", model=MODEL, replicas=replicas, words=words, **more)  # type: ignore[arg-type]
    return [make() for make in launches(asked)]


@pytest.mark.parametrize(
    ("visible", "words", "own"),
    [
        (None, (), ["0,1", "2,3"]),
        ("3,2", (), ["3", "2"]),  # as NVML counts
        ("GPU-aa,GPU-bb,GPU-cc", (), ["GPU-aa", "GPU-bb"]),  # those alone are ours
        (None, ("-tp", "2", "--port=9000"), ["0,1", "2,3"]),
    ],
)
def test_each_replica_has_gpus_of_its_own_and_ports_are_in_a_row(monkeypatch, visible, words, own):
    four(monkeypatch, visible)
    found = started(2, *words)
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in found] == own
    first = 9000 if words else 8000
    assert [one.port for one in found] == [first, first + 1]
    for one in found:
        assert sum(word.startswith("--port") for word in one.argv) == 1
        assert one.gpus == len(own[0].split(","))


def test_each_replica_has_cores_and_memory_of_its_own(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4})
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "all")  # the operator's, for one vLLM
    found = started(2, "--enforce-eager", on_cpu=True)
    own = [one.environment["VLLM_CPU_OMP_THREADS_BIND"].split(",") for one in found]
    assert [len(cores) for cores in own] == [2, 2]
    assert not set(own[0]) & set(own[1])


@pytest.mark.parametrize(
    ("replicas", "words", "said"),
    [
        (5, (), "--replicas 5: each replica needs GPUs of its own, and this machine has 4"),
        (2, ("--tensor-parallel-size", "4"), "takes 4 GPUs, and each of 2 replicas has 2"),
        (1, ("-tp=4", "-dp=2"), "--data-parallel-size 2 --tensor-parallel-size 4 takes 8 GPUs"),
    ],
)
def test_more_gpus_than_there_are_is_one_line(monkeypatch, replicas, words, said):
    four(monkeypatch, None)
    with pytest.raises(SettingsError, match=said):
        started(replicas, *words)


def test_gpus_of_other_hosts_are_not_counted(monkeypatch):
    four(monkeypatch, None)
    (one,) = started(1, "-tp", "8", "--distributed-executor-backend", "ray")
    assert one.gpus == 8


def test_the_plan_is_for_the_parallelism_that_the_operator_says(monkeypatch):
    four(monkeypatch, None)
    (one,) = started(1, "--tensor-parallel-size", "2")
    words = " ".join(one.argv)
    assert "--data-parallel-size" not in words
    assert words.count("--tensor-parallel-size") == 1


def test_a_router_that_is_not_installed_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"--router needs vllm-router.*pip install vllm-router"):
        router_launch(str(tmp_path / "python"), "127.0.0.1", 1, [])


def pids(stage: Stage, port: int) -> list[int]:
    return [int(pid) for pid in (stage.folder / f"pids.{port}").read_text().split()]


def supervisor(stage: Stage, port: int) -> Supervisor:
    """One replica, of several."""
    one = stage.supervisor()
    words = [word if word != str(stage.port) else str(port) for word in one.launch.argv]
    one.launch = Launch(words, "127.0.0.1", port)
    one.name, one.group_file = f"vLLM :{port}", stage.folder / f"vllm-{port}.group"
    return one


@pytest.mark.thorough
async def test_one_that_dies_is_started_again_and_the_others_and_the_router_go_on(stage):
    ports = [free_port(), free_port()]
    replicas = [supervisor(stage, port) for port in ports]
    front = router_launch(sys.executable, "127.0.0.1", free_port(), [one.launch.url for one in replicas])
    router = Supervisor(
        *(front, os.environ, stage.folder / "router.group"),
        policy=PATIENCE,
        sleep=stage.slept.sleep,
        show=stage.shown.append,
        prober=LivenessProber,
        name="vllm-router",
    )
    stop = asyncio.Event()
    task = asyncio.create_task(Replicas(replicas, router).run(stop))
    try:
        for name in ("vllm-router", *(one.name for one in replicas)):
            await stage.heard(f"{name} is up after")
        first, second = (pids(stage, port) for port in ports)
        async with httpx2.AsyncClient(base_url=front.url, trust_env=False, timeout=60) as http:
            body = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}]}

            async def answered() -> bool:
                return (await http.post("/v1/chat/completions", json=body)).status_code == 200

            assert await answered()
            os.kill(first[0], 9)
            await stage.heard(f"vLLM :{ports[0]} ended by itself (ended by SIGKILL). Starting it again")
            assert await answered()  # by the other
            await stage.heard(f"vLLM :{ports[0]} is up after", times=2)
        assert alive(first) == []
        assert pids(stage, ports[1]) == second == alive(second)
        assert sum("vllm-router is up" in line for line in stage.said) == 1
    finally:
        stop.set()
        async with asyncio.timeout(120):
            await task
    assert alive([*pids(stage, ports[0]), *second]) == []
    assert not list(stage.folder.glob("*.group"))


@pytest.mark.thorough
async def test_one_that_cannot_be_started_leaves_the_others(stage):
    bad, good = free_port(), free_port()
    (stage.folder / f"says.{bad}").write_text((SAID / "unknown_flag.txt").read_text())
    stop = asyncio.Event()
    task = asyncio.create_task(Replicas([supervisor(stage, port) for port in (bad, good)]).run(stop))
    try:
        await stage.heard(f"vLLM :{bad} is given up; the others go on")
        await stage.heard(f"vLLM :{good} is up after")
    finally:
        stop.set()
        async with asyncio.timeout(120):
            await task


@pytest.mark.thorough
async def test_if_none_can_be_started_it_is_said_as_of_one(stage):
    stage.says("unknown_flag")
    replicas = [supervisor(stage, free_port()) for _ in range(2)]
    with pytest.raises(SettingsError, match="refused to start: vLLM does not know the flag --precision"):
        await Replicas(replicas).run(asyncio.Event())


@pytest.mark.thorough
async def test_a_place_that_another_holds_is_tried_again_while_others_run(stage):
    held, good = free_port(), free_port()
    first = supervisor(stage, held)
    stop = asyncio.Event()
    with exclusive(first.group_file):
        task = asyncio.create_task(Replicas([first, supervisor(stage, good)]).run(stop))
        await stage.heard(f"The others go on; vLLM :{held} is tried again")
        await stage.heard(f"vLLM :{good} is up after")
    await stage.heard(f"vLLM :{held} is up after")
    stop.set()
    async with asyncio.timeout(120):
        await task


@pytest.mark.thorough
async def test_if_others_hold_all_places_it_ends(stage):
    first, second = (supervisor(stage, free_port()) for _ in range(2))
    said = pytest.raises(LogicnetError, match="already runs in this folder")
    with exclusive(first.group_file), exclusive(second.group_file), said:
        await Replicas([first, second]).run(asyncio.Event())
