import asyncio
import os
import signal
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from logicnet._util.processes import free_port
from logicnet.axon import Axon
from logicnet.chain import AxonAddress, Metagraph, MetagraphRefresher
from logicnet.errors import SettingsError
from logicnet.ledger import Ledger
from logicnet.ledger.lessons import Lesson, keep_lessons
from logicnet.llm import Endpoint, Limit, Pool, Probe, Spec
from logicnet.logs import log_event
from logicnet.miner import _models, _shadow, _started_solver, _stop_signal, mine, watch_models
from logicnet.operate.demo.stage import hotkey
from logicnet.operate.telemetry.monitored import MonitoredEndpoint
from logicnet.scoring.wires import LOGICNET, wire_prices
from logicnet.settings import (
    AxonSettings,
    LedgerSettings,
    LlmClientSettings,
    MinerSettings,
    Settings,
    WalletSettings,
)
from logicnet.solver import Setup
from logicnet.solver.constant import ConstantSolver
from logicnet.solver.race.trust import SamplerRecord
from logicnet.solver.reader import reading_workers
from logicnet.solver.shadow import Shadow
from tests.harness.said import listening
from tests.harness.scripted_model import ScriptedModel
from tests.harness.twice import solved_twice
from tests.unit.solver.installed import install


class Enough(Exception):
    """Ends what would go on for ever."""


async def test_a_model_server_that_comes_after_the_miner_is_told_once() -> None:
    async with ScriptedModel() as server:
        pass  # its port is known now, and nobody listens there
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}/v1")
    comes_back_s: list[float] = []

    async def wait(seconds: float) -> None:
        comes_back_s.append(seconds)
        if len(comes_back_s) == 3:
            await server.__aenter__()
        if len(comes_back_s) == 4:
            raise Enough

    models = MonitoredEndpoint(endpoint)
    with listening() as said:
        try:
            with pytest.raises(Enough):
                await watch_models(models, sleep=wait)
            assert models.status()[0].well
        finally:
            await endpoint.close()
            await server.__aexit__(None, None, None)
    *before_s, watched_s = comes_back_s
    assert [0.5 <= one / most <= 1.0 for one, most in zip(before_s, (1.0, 2.0, 4.0), strict=True)] == [
        True
    ] * 3
    assert watched_s == 15.0
    assert [line.partition(":")[0] for line in said] == ["WARNING No model yet", "INFO The model"]


async def test_a_model_server_that_is_away_for_hours_is_looked_for_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses_s: list[float] = []

    async def away(*_: object) -> Probe:
        return Probe("gpu:8000", None, 0.0, "away" if len(pauses_s) < 1100 else "")

    async def wait(seconds: float) -> None:
        pauses_s.append(seconds)
        if len(pauses_s) > 1100:
            raise Enough

    monkeypatch.setattr(Endpoint, "probe", away)
    with pytest.raises(Enough):
        await watch_models(MonitoredEndpoint(Endpoint("http://gpu:8000/v1")), sleep=wait)
    assert 15.0 <= pauses_s[1099] <= max(pauses_s) <= 30.0


CURIOUS = """
class Solver:
    setup = None

    @classmethod
    def from_setup(cls, setup):
        cls.setup = setup
        return cls()

    async def solve(self, challenge, deadline, models): ...

    async def __aenter__(self):
        self.entered = True

    async def __aexit__(self, *_):
        self.entered = False
"""
INSTALLED = {
    "pyproject.toml": '[project]\nname = "curious-solver"\nversion = "1.0"\n'
    '[project.entry-points."logicnet.solvers"]\ncurious = "curious_of_samplers:Solver"\n',
    "curious_of_samplers.py": CURIOUS,
}


async def test_a_solver_is_told_what_its_samplers_have_earned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(INSTALLED, tmp_path / "site", monkeypatch)
    path, profiles = tmp_path / "l.sqlite", tmp_path / "profiles.toml"
    keep_lessons(path, {"run": [Lesson("curious", "", "story", "program", 3.0, 1.0)]})
    settings = Settings(miner=MinerSettings(profiles=profiles, llm_client=LlmClientSettings(model="Qwen")))
    models = Endpoint("http://127.0.0.1:1/v1")
    async with AsyncExitStack() as stack:
        with Ledger.open(path):
            workers = reading_workers()
            at_work = partial(
                _started_solver,
                stack,
                settings,
                flag="--miner.solver",
                models=models,
                ledger=path,
                workers=workers,
            )
            solver: Any = await at_work("curious")
            other: Any = await at_work("constant")
        records = (SamplerRecord("story", "program", 3.0, 1.0),)
        assert solver.setup == Setup(records, profiles, "Qwen", workers=workers, prices=wire_prices(LOGICNET))
        assert isinstance(other, ConstantSolver)
        assert solver.entered
    assert not solver.entered


async def test_a_solver_is_told_when_only_a_paid_server_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(INSTALLED, tmp_path / "site", monkeypatch)
    path = tmp_path / "l.sqlite"
    paid = Spec("http://127.0.0.1:1/v1", limit=Limit(1000))
    async with AsyncExitStack() as stack:
        with Ledger.open(path):
            solver: Any = await _started_solver(
                *(stack, Settings(), "curious", "--miner.solver"),
                models=Pool([paid]),
                ledger=path,
                workers=reading_workers(),
            )
        assert solver.setup.costs()


async def test_there_is_a_shadow_only_if_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Ledger.open(path).close()
    models = Endpoint("http://127.0.0.1:1/v1")
    async with AsyncExitStack() as stack, reading_workers() as workers:
        shadow = partial(_shadow, stack, models=models, sink=log_event, ledger=path, workers=workers)
        assert await shadow(Settings()) is None
        with listening() as said:
            settings = Settings(miner=MinerSettings(shadow="constant"))
            assert isinstance(await shadow(settings), Shadow)
        assert said == ["INFO The shadow solver constant is tried on 5 % of the challenges, in idle moments."]
        with pytest.raises(SettingsError, match=r"^--miner\.shadow: no solver is named 'x'"):
            await shadow(Settings(miner=MinerSettings(shadow="x")))


async def test_several_model_servers_are_a_pool_and_one_is_not(tmp_path: Path) -> None:
    def settings(base_url: str) -> Settings:
        return Settings(
            ledger=LedgerSettings(path=tmp_path / "l.sqlite"),
            miner=MinerSettings(llm_client=LlmClientSettings(base_url=base_url)),
        )

    assert isinstance(_models(settings("http://127.0.0.1:1/v1")), Endpoint)
    several = _models(settings("http://127.0.0.1:1/v1,http://127.0.0.1:2/v1"))
    assert isinstance(several, Pool)
    with listening() as said:
        await watch_models(several)
        assert len(several.status()) == 2
        await several.close()
    assert not any("Traceback" in line for line in said)
    file = tmp_path / "e.toml"
    file.write_text('[[endpoint]]\nurl = "http://127.0.0.1:1/v1"\nrouter = true\n')
    assert isinstance(_models(settings(str(file))), Pool)


async def test_the_end_of_its_terminal_is_a_word_to_stop() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup themselves
    try:
        told = _stop_signal()
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(told, 60)
    finally:
        signal.signal(signal.SIGHUP, before)


class SlowChain:
    """A chain that is read once `known` is set."""

    def __init__(self) -> None:
        self.known = asyncio.Event()
        self.asked = asyncio.Event()

    async def metagraph(self) -> Metagraph:
        self.asked.set()
        await self.known.wait()
        return Metagraph(block=1, fetched_at_s=0.0, neurons=())

    async def serve_axon(self, address: AxonAddress) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize("end", ["the chain is read", "the chain is not read in time", "told to stop"])
async def test_the_port_opens_once_the_network_is_known(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller before that would be refused, and scores nothing."""
    chain, port = SlowChain(), free_port()
    monkeypatch.setattr(
        "logicnet.miner.metagraph_refresher", lambda *_: MetagraphRefresher(chain, refresh_s=60.0)
    )
    monkeypatch.setattr("logicnet.miner._FIRST_METAGRAPH_S", 0.05 if "not" in end else 600.0)
    hotkey(tmp_path, "miner")
    settings = Settings(
        wallet=WalletSettings(name="demo", hotkey="miner", path=tmp_path),
        miner=MinerSettings(solver="constant"),
        axon=AxonSettings(host="127.0.0.1", port=port),
        ledger=LedgerSettings(path=tmp_path / "ledger.sqlite"),
    )
    with listening() as said:
        mining = asyncio.create_task(mine(settings))
        await asyncio.wait_for(chain.asked.wait(), 60)
        if "not" not in end:
            assert not any("Mining as" in line for line in said)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        if end == "the chain is read":
            chain.known.set()
        if end != "told to stop":
            async with asyncio.timeout(60):
                while not any("Mining as" in line for line in said):
                    await asyncio.sleep(0.01)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(mining, 60) == signal.SIGTERM


async def test_a_question_that_is_asked_twice_at_once_is_solved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, built = SlowChain(), asyncio.get_running_loop().create_future()
    chain.known.set()
    monkeypatch.setattr(
        "logicnet.miner.metagraph_refresher", lambda *_: MetagraphRefresher(chain, refresh_s=60.0)
    )

    def axon(**words: Any) -> Axon:
        built.set_result(words["solve"])
        return Axon(**words)

    monkeypatch.setattr("logicnet.miner.Axon", axon)
    hotkey(tmp_path, "miner")
    async with ScriptedModel(goes_on=asyncio.Event()) as model:
        settings = Settings(
            wallet=WalletSettings(name="demo", hotkey="miner", path=tmp_path),
            miner=MinerSettings(solver="direct", llm_client=LlmClientSettings(base_url=model.base_url)),
            axon=AxonSettings(host="127.0.0.1", port=free_port()),
            ledger=LedgerSettings(path=tmp_path / "ledger.sqlite"),
        )
        with listening() as said:
            mining = asyncio.create_task(mine(settings))
            try:
                async with asyncio.timeout(60):
                    while not any("Mining as" in line for line in said):
                        await asyncio.sleep(0.01)
                await solved_twice(await built, model)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(mining, 60)
