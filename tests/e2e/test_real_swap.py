"""A swap and a roll back on a real vLLM with challenges in flight, and its start with what serves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx2

from logicnet._util.processes import Child, free_port
from logicnet.operate.demo.stage import environment
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.tuning.improve.adapters import AdapterState, AdapterStore
from tests.e2e.conftest import ROOT, START_S, needed, until
from tests.harness.adapters import PROOF

MODEL = ROOT / ".run" / "model" / "smollm2"
LONG = "Write the numbers from {0} to 500, each on a line of its own, with its square and its cube."
IN_FLIGHT = 8


def made(store: AdapterStore, folder: Path) -> tuple[str, str]:
    """An adapter, made in the trainer's environment, as two versions; both are declared proven."""
    python = needed(ROOT / ".venv-tune" / "bin" / "python")
    env = environment() | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    script = ROOT / "tests" / "harness" / "peft_adapter.py"
    argv = [str(python), str(script), str(needed(MODEL)), str(folder)]
    subprocess.run(argv, env=env, check=True, timeout=START_S)
    added = [store.add(folder / "adapter", "smollm2", at_s) for at_s in (1.0, 2.0)]
    first, second = (store.prove(one.name, PROOF).name for one in added)
    return first, second


async def test_eight_in_flight_are_answered_through_a_swap_and_a_roll_back(miner, tmp_path):
    store = AdapterStore(tmp_path / "tuning")
    first, second = await asyncio.to_thread(made, store, tmp_path / "made")
    port = free_port()
    url, flags = f"http://127.0.0.1:{port}/v1", ["--tuning.folder", str(store.root)]
    store.serve(first, (url,), 3.0)  # so vLLM starts with it
    argv = [sys.executable, "-m", "logicnet", "vllm", "--cpu", "--model", str(MODEL)]
    argv += ["--python", str(needed(ROOT / ".venv-vllm" / "bin" / "python")), "--port", str(port)]
    argv += ["--served-model-name", "smollm2", "--enforce-eager", "--max-model-len", "2048"]
    argv += ["--silence", "300"]  # the machine may be busy with other things
    env = environment() | {
        "LOGICNET_TUNING__FOLDER": str(store.root),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(tmp_path / "cache"),
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }

    def serves() -> set[str]:
        try:
            cards = httpx2.get(f"{url}/models", trust_env=False, timeout=30).json()["data"]
        except httpx2.TransportError:
            return set()
        return {card["id"] for card in cards}

    async def tune(*words: str) -> str:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logicnet", "tune", *words, *flags),
            *("--ledger.path", str(running_miner.ledger), "--miner.llm_client.base_url", url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        said = (await running.communicate())[0].decode()
        assert running.returncode == 0, said
        return said

    with Child.start("the supervisor", argv, log=tmp_path / "vllm.log", env=env, cwd=tmp_path) as vllm:
        await until(serves)
        assert serves() == {"smollm2", first}
        words = [*flags, "--miner.llm_client.base_url", url, "--miner.solver", "direct"]
        running_miner = miner(*words)
        link = RunningMiner(running_miner.ledger)

        def in_flight(name: str) -> int:
            now = link.look()
            return now.in_flight.get(name, 0) if now is not None else 0

        async with running_miner.asked_by("alice") as alice:
            asked: list[asyncio.Task] = []  # type: ignore[type-arg]
            for name, words in ((first, ("swap", second)), (second, ("rollback",)), (first, ())):
                start = len(asked)
                asked += [
                    asyncio.create_task(
                        alice.challenge(
                            LONG.format(number), wire=("classic", "btauth")[number % 2], timeout_s=60
                        )
                    )
                    for number in range(start, start + IN_FLIGHT)
                ]
                await until(lambda name=name: in_flight(name) == IN_FLIGHT)
                if words:
                    said = await tune(*words)
            replies = await asyncio.gather(*asked)
        assert [(reply.success, bool(reply.answer)) for reply in replies] == [(True, True)] * 3 * IN_FLIGHT
        assert f"{second} is unloaded." in said
        assert serves() == {"smollm2", first}
        assert [store.get(one).state for one in (first, second)] == [
            AdapterState.SERVING,
            AdapterState.ROLLED_BACK,
        ]
        assert vllm.stop(grace_s=START_S) == 0
