"""The supervisor with a vLLM that fails as a test says: what it does, what it says, and what is left."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from logicnet._util.processes import free_port
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.vllm import supervisor as module
from logicnet.operate.serving.vllm.launch import Launch
from logicnet.operate.serving.vllm.process import MARK, record_group
from logicnet.operate.serving.vllm.supervisor import ProbePolicy, Supervisor
from tests.harness.said import listening
from tests.harness.scripted_nvml import ScriptedGpu, ScriptedNvml

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

FAKE = Path(__file__).parents[4] / "harness" / "fake_vllm"
SAID = Path(__file__).with_name("said")
PATIENCE = ProbePolicy(
    every_s=10.0,
    probe_s=0.5,  # by the wall: three probes in a row must be late before it is stuck
    idle_s=25.0,
    loaded_s=45.0,
    stop_s=5,
    stuck_stop_s=0.1,
    first_s=0.01,
    longest_s=0.02,
)
WITHIN_S = 120.0


class Slept:
    """Time that passes only while the supervisor sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.times = 0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))
        self.now_s += seconds
        self.times += 1


@dataclass
class Stage:
    """A folder for the fake vLLM, and what the supervisor said."""

    folder: Path
    said: list[str]
    port: int = field(default_factory=free_port)
    shown: list[str] = field(default_factory=list)
    slept: Slept = field(default_factory=Slept)

    def supervisor(self, nvml: object = None, key: str | None = None) -> Supervisor:
        argv = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1"]
        launch = Launch([*argv, "--port", str(self.port)], "127.0.0.1", self.port, key, planned_tokens=46_592)
        return Supervisor(
            launch,
            {**os.environ, "PYTHONPATH": str(FAKE), "FAKE_VLLM": str(self.folder)},
            self.group_file,
            policy=PATIENCE,
            nvml=nvml,
            clock=self.slept.clock,
            sleep=self.slept.sleep,
            show=self.shown.append,
        )

    @property
    def group_file(self) -> Path:
        return self.folder / "vllm.group"

    def mode(self, name: str) -> None:
        (self.folder / "mode").write_text(name)

    def says(self, name: str) -> None:
        (self.folder / "says").write_text((SAID / f"{name}.txt").read_text())

    @property
    def starts(self) -> int:
        file = self.folder / "starts"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def pids(self) -> list[int]:
        return [int(pid) for pid in (self.folder / "pids").read_text().split()]

    async def heard(self, words: str, times: int = 1) -> str:
        """The line of the supervisor's that has `words`, when it has come so often."""
        await until(lambda: sum(words in line for line in self.said) >= times)
        return [line for line in self.said if words in line][-1]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "_PORT_S", 5.0)
    with listening() as said:
        yield Stage(tmp_path, said)


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(supervisor.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(WITHIN_S):
            await task


def alive(pids: list[int]) -> list[int]:
    return [
        pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


async def test_it_starts_tells_what_it_found_and_ends_without_a_trace(stage):
    async with running(stage.supervisor()):
        line = await stage.heard("vLLM is up")
        assert (
            f"http://127.0.0.1:{stage.port}/v1, serving fake; KV cache 46,592 tokens (46,592 planned)" in line
        )
        pids = stage.pids()
        assert alive(pids) == pids
        assert stage.group_file.read_text().split()[0] == str(pids[0])
    assert alive(pids) == []
    assert not stage.group_file.exists()
    assert any("GPU KV cache size" in line for line in stage.shown)
    assert stage.said[-1] == "INFO Stopping vLLM"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("hang", "vLLM is stuck: no token for"),
        ("hang under load", "with 40 requests running and 3 waiting. Starting it again in 0 s (restart 1)"),
        ("fault", "vLLM's engine is dead"),
    ],
)
async def test_a_stuck_vllm_is_ended_with_its_engine_and_started_again(stage, mode, said):
    async with running(stage.supervisor()):
        await stage.heard("vLLM is up")
        before = stage.pids()
        stage.mode(mode)
        await stage.heard(said)
        stage.mode("well")
        await stage.heard("vLLM is up", times=2)
        assert alive(before) == []
        assert stage.starts == 2


async def test_a_busy_vllm_is_left_alone(stage):
    async with running(stage.supervisor()):
        await stage.heard("vLLM is up")
        stage.mode("busy")
        await stage.heard("vLLM is busy, not stuck")
        end_s = stage.slept.now_s + 1.5 * PATIENCE.loaded_s
        await until(lambda: stage.slept.now_s > end_s)
        assert stage.starts == 1
        assert sum("busy" in line for line in stage.said) == 1


async def test_a_vllm_that_ends_by_itself_is_started_again(stage):
    async with running(stage.supervisor()):
        await stage.heard("vLLM is up")
        server, engine = stage.pids()
        os.kill(server, 9)
        await stage.heard("vLLM ended by itself (ended by SIGKILL). Starting it again")
        await stage.heard("vLLM is up", times=2)
        assert alive([engine]) == []


async def test_what_no_retry_mends_is_said_once(stage):
    stage.says("unknown_flag")
    with pytest.raises(SettingsError, match="vLLM refused to start: vLLM does not know the flag --precision"):
        await stage.supervisor().run(asyncio.Event())
    assert stage.starts == 1
    assert not stage.group_file.exists()


async def test_what_may_pass_is_tried_again(stage):
    stage.says("gpu_in_use")
    async with running(stage.supervisor()):
        line = await stage.heard("vLLM did not start (status 1): vLLM wants 45.01 GiB of a GPU", times=3)
        assert "restart 3" in line
        (stage.folder / "says").unlink()
        await stage.heard("vLLM is up")


async def test_what_is_not_known_is_shown_by_its_last_error(stage):
    (stage.folder / "says").write_text("ValueError: the moon is in the wrong house")
    async with running(stage.supervisor()):
        await stage.heard("Its last error: ValueError: the moon is in the wrong house. Starting it again")


async def test_it_can_be_told_to_end_while_it_waits(stage):
    (stage.folder / "says").write_text("")
    supervisor = stage.supervisor()
    supervisor.policy = ProbePolicy(first_s=3600)
    async with running(supervisor):
        await stage.heard("Starting it again in 300 s")


async def test_what_an_earlier_one_left_is_ended_first(stage):
    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    env = {**os.environ, MARK: "1"}
    with subprocess.Popen(sleeper, stdout=subprocess.PIPE, process_group=0, env=env) as left:
        assert left.stdout
        left.stdout.readline()
        record_group(stage.group_file, left.pid)
        async with running(stage.supervisor()):
            await stage.heard(f"Killed orphans of an earlier vLLM: process {left.pid}")
            assert left.wait(WITHIN_S) == -9
            await stage.heard("vLLM is up")


async def test_a_second_one_leaves_the_vllm_of_the_first_alone(stage):
    async with running(stage.supervisor()):
        await stage.heard("vLLM is up")
        with pytest.raises(LogicnetError, match="already runs in this folder for this port"):
            await stage.supervisor().run(asyncio.Event())
        assert alive(stage.pids()) == stage.pids()
        assert stage.starts == 1


async def test_nothing_is_started_once_it_was_described_to_end(stage, monkeypatch):
    monkeypatch.setattr(module, "_PORT_S", WITHIN_S)
    looked = asyncio.Event()

    async def sleep(_: float) -> None:
        looked.set()
        await asyncio.sleep(0.01)

    supervisor = stage.supervisor()
    supervisor.sleep = sleep
    with socket.create_server(("127.0.0.1", stage.port)):
        async with running(supervisor):
            await looked.wait()
    assert stage.starts == 0


async def test_a_note_that_cannot_be_written_keeps_nobody_from_serving(stage):
    stage.group_file.mkdir()
    async with running(stage.supervisor()):
        await stage.heard("vLLM is up")
    assert any("cannot be written (Is a directory)" in line for line in stage.said)


async def test_another_server_on_the_port_is_named(stage):
    with socket.create_server(("127.0.0.1", stage.port)), pytest.raises(LogicnetError) as error:
        await stage.supervisor().run(asyncio.Event())
    assert f"vLLM's port {stage.port} is taken by process {os.getpid()} (" in str(error.value)
    assert stage.starts == 0


async def test_memory_that_others_hold_is_told(stage):
    nvml = ScriptedNvml([ScriptedGpu(free_gib=4.0, holders=(os.getpid(),))])
    async with running(stage.supervisor(nvml)):
        line = await stage.heard("GPU 0 has 4.0 of the 21.6 GiB free that vLLM takes")
        assert f"held by process {os.getpid()} (" in line
        await stage.heard("vLLM is up")


async def test_a_restart_waits_for_the_memory_of_the_last(stage):
    nvml = ScriptedNvml([ScriptedGpu(free_gib=23.0)])
    async with running(stage.supervisor(nvml)):
        await stage.heard("vLLM is up")
        nvml.gpus[0] = ScriptedGpu(free_gib=4.0)
        os.kill(stage.pids()[0], 9)
        await stage.heard("Starting it again")
        looks = stage.slept.times
        await until(lambda: stage.slept.times >= looks + 10)
        assert stage.starts == 1
        nvml.gpus[0] = ScriptedGpu(free_gib=23.0)
        await stage.heard("vLLM is up", times=2)
    assert nvml.open == 0


async def test_a_key_is_used_and_its_lack_is_told(stage):
    stage.mode("sesame")
    async with running(stage.supervisor()):
        await stage.heard("vLLM refuses our probes: set VLLM_API_KEY to the key that it asks for")
    async with running(stage.supervisor(key="sesame")):
        await stage.heard("vLLM is up", times=2)
    assert sum("refuses our probes" in line for line in stage.said) == 1


async def test_a_python_that_is_not_there_is_one_line(stage):
    supervisor = Supervisor(Launch(["nowhere/python"], "127.0.0.1", stage.port), {}, stage.group_file)
    with pytest.raises(LogicnetError, match="nowhere/python cannot be started: No such file"):
        await supervisor.run(asyncio.Event())


def test_the_fake_was_started_as_the_real_one_is(stage):
    """Flags reach vLLM's own module as they are."""
    stage.says("no_vllm")
    with pytest.raises(SettingsError, match="this Python has no vLLM"):
        asyncio.run(stage.supervisor().run(asyncio.Event()))
    assert json.loads((stage.folder / "starts").read_text()) == [
        "--host",
        "127.0.0.1",
        "--port",
        str(stage.port),
    ]
