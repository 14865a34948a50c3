"""`logicnet vllm` with a real vLLM: planned for this CPU, its engine stopped, started again, ended."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from signal import SIGSTOP

import httpx2
import psutil

from logicnet._util.processes import Child, free_port
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import ROOT, START_S, needed, processes_of, until

MODEL = ROOT / ".run" / "model" / "smollm2"
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"


async def answer(port: int) -> str:
    async with httpx2.AsyncClient(trust_env=False, timeout=START_S) as http:
        body = {"model": str(MODEL), "prompt": "One, two, three,", "max_tokens": 4, "temperature": 0}
        done = await http.post(f"http://127.0.0.1:{port}/v1/completions", json=body)
        return str(done.json()["choices"][0]["text"])


async def test_a_stopped_engine_is_replaced_and_the_cache_is_as_planned(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "vllm.log"
    argv = [
        sys.executable,
        "-m",
        "logicnet",
        "vllm",
        "--cpu",
        "--model",
        needed(MODEL),
        "--python",
        needed(PYTHON),
    ]
    argv += ["--port", str(port), "--enforce-eager", "--probe-every", "2", "--silence", "20"]
    env = environment() | {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(tmp_path / "cache"),
    }

    def up() -> list[tuple[str, str]]:
        return re.findall(
            r"vLLM is up after .* KV cache ([\d,]+) tokens \(([\d,]+) planned\)", log.read_text()
        )

    with Child.start("the supervisor", argv, log=log, env=env, cwd=tmp_path) as supervisor:
        await until(up)
        said, planned = (int(number.replace(",", "")) for number in up()[0])
        assert abs(said - planned) / said < 0.05
        assert await answer(port)

        server = int((tmp_path / ".run" / f"vllm-{port}.group").read_text().split()[0])
        first = psutil.Process(server).children(recursive=True)
        engine = next(one for one in first if one.name().startswith("VLLM::Engine"))
        engine.send_signal(SIGSTOP)
        await until(lambda: len(up()) > 1)
        assert re.search(r"vLLM is stuck: .*\. Starting it again in 2 s \(restart 1\)", log.read_text())
        assert not [one for one in first if one.is_running()]
        assert await answer(port)

        assert supervisor.stop(grace_s=START_S) == 0
    await until(lambda: not processes_of(tmp_path))
    assert not list((tmp_path / ".run").glob("*.group"))
