"""A set-up where nothing is wrong: real parts on this machine, the world outside scripted.

Each part may be broken before it is looked at.
"""

from __future__ import annotations

import asyncio
import getpass
import ipaddress
import json
import struct
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from logicnet.axon import AxonServer
from logicnet.config import read
from logicnet.events import Admitted, Answered, EpochCount
from logicnet.ledger import Ledger
from logicnet.operate.demo.stage import hotkey
from logicnet.operate.doctor.context import Context, Finding, Severity, System, Timeouts, worst
from logicnet.operate.doctor.run import run_checks
from logicnet.operate.telemetry.server import Page, serving
from logicnet.operate.telemetry.state import State, address_file
from logicnet.protocol import Hotkey
from tests.harness.axon import Room
from tests.harness.mini_substrate import MiniChain
from tests.harness.scripted_model import ScriptedModel
from tests.harness.scripted_nvml import ScriptedGpu, ScriptedNvml

IP = "9.9.9.9"
VALIDATORS = (
    "5GNJqTPyNqANBkUVMN1LPPrxXnFouWXoe2wNSmmEoLctxiZY",
    "5HpG9w8EBLe5XCrbczpwq5TSXvedjrBGCwqxK1iQ7qUsSWFc",
)
_SINCE_1900_S = 2_208_988_800


class TimeServer(asyncio.DatagramProtocol):
    """NTP's server, `ahead_s` before the true time; `silent` if it should not answer."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.silent = False
        self.stratum = 2
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: Any) -> None:
        if not self.silent:
            self._transport.sendto(self.reply(data[40:48]), address)

    def reply(self, origin: bytes) -> bytes:
        now_s = time.time() + self.ahead_s + _SINCE_1900_S
        stamp = struct.pack("!II", int(now_s) % 2**32, int(now_s % 1 * 2**32))
        return (
            struct.pack("!4B3I", 0b00_100_100, self.stratum, 0, 0, 0, 0, 0) + stamp + origin + stamp + stamp
        )


class SaysAddress:
    """A web service that tells callers their address."""

    def __init__(self) -> None:
        self.ip = IP

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(self.ip)}\r\n\r\n{self.ip}".encode())
        await writer.drain()
        writer.close()


class SetUp:
    """Everything that `logicnet doctor` looks at, below `folder`. Use `running`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flags: list[str] = []
        self.environ: dict[str, str] = {}
        self.model = ScriptedModel(text=" ".join(["one,", "two,", "three,"] * 30))
        self.chain = MiniChain()
        self.clock = TimeServer()
        self.address = SaysAddress()
        self.ledger = folder / "ledger.sqlite"
        self.free_bytes = 50 * 10**9
        self.free_below: dict[Path, int] = {}  # of other disks, by where they are mounted
        self.processes = {4241, 4242}  # pm2's daemon and the miner
        self.children_of: dict[int, set[int]] = {}
        self.open_files = 65536
        self.gpu = ScriptedGpu()
        self.nvml = ScriptedNvml()
        self.leads_back = True  # our address outside leads to us
        self.timeouts = Timeouts(time_s=60, axon_s=60, reach_s=60, address_s=60, chain_s=60, model_s=60)
        self.port = 0
        self.found: Mapping[str, Sequence[Finding]] = {}

        key = hotkey(self.wallets, "miner")
        self.hotkey = Hotkey(key.ss58_address)
        (self.wallets / "demo" / "coldkey").unlink()
        for number, validator in enumerate(VALIDATORS):
            self.chain.add(
                validator, stake_rao=40_000 * 10**9, permit=True, active=True, last_update=990 + number
            )
        self.state = State(
            at_s=0,
            started_at_s=0,
            pid=1,
            version="",
            hotkey=self.hotkey,
            solver="race",
            ledger=str(self.ledger.resolve()),
            interval_s=600,
            epoch_volume=512,
            max_in_flight=64,
        )
        self.seat = self.chain.add(self.hotkey, incentive=9000, emission_rao=3 * 10**9, registered_at=5)
        self._pm2()
        self._ledger()
        self.snapshot.parent.mkdir(parents=True)
        self.snapshot.touch()

    @property
    def wallets(self) -> Path:
        return self.folder / "wallets"

    @property
    def hotkey_file(self) -> Path:
        return self.wallets / "demo" / "hotkeys" / "miner"

    @property
    def pm2_home(self) -> Path:
        return self.folder / "home" / ".pm2"

    @property
    def snapshot(self) -> Path:
        """A file of the model that pm2's vLLM serves if no other is named."""
        cache = self.folder / "home/.cache/huggingface/hub"
        return cache / "models--Qwen--Qwen2.5-7B-Instruct/snapshots/1/model.safetensors"

    @property
    def other_disk(self) -> Path:
        """A folder where another disk may be mounted."""
        (folder := self.folder / "other_disk").mkdir(exist_ok=True)
        return folder

    @property
    def unit(self) -> Path:
        return self.root / f"etc/systemd/system/multi-user.target.wants/pm2-{getpass.getuser()}.service"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def publish(self, ip: str, port: int) -> None:
        self.seat.axon = {"block": 900, "ip": int(ipaddress.ip_address(ip)), "port": port, "ip_type": 4}

    def _pm2(self) -> None:
        (self.pm2_home / "pids").mkdir(parents=True)
        (self.pm2_home / "pm2.pid").write_text("4241")
        (self.pm2_home / "pids" / "sn35-miner-1.pid").write_text("4242")
        (self.pm2_home / "dump.pm2").write_text(json.dumps([{"name": "sn35-vllm"}, {"name": "sn35-miner"}]))
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.unit.parent.mkdir(parents=True)
        self.unit.touch()

    def _ledger(self) -> None:
        ledger = Ledger.open(self.ledger)
        now_s, validator = time.time() - 60, Hotkey(VALIDATORS[0])
        epoch = EpochCount(validator, now_s, 80, 1, 0)
        ledger.record(Admitted(now_s, "1", validator, "classic", "7", "Logic", "1 + 1?", 60.0, epoch))
        ledger.record(Answered(now_s + 3, "1", validator, "direct", "solved", 3.0, "One and one.", "2"))
        ledger.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SetUp]:
        """With the axon, the model, the time server and the address services there."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.model)
            axon = AxonServer(Room().app, host="127.0.0.1", port=0)
            await stack.enter_async_context(axon)
            self.port = axon.port
            self.publish(IP, self.port)
            pages = {"/state": Page("application/json", lambda: self.state.model_dump_json().encode())}
            telemetry = serving(pages, host="127.0.0.1", port=None, address_file=address_file(self.ledger))
            stack.enter_context(telemetry)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: self.clock, ("127.0.0.1", 0))
            stack.callback(transport.close)
            self.service = await asyncio.start_server(self.address, "127.0.0.1", 0)
            stack.callback(self.service.close)
            yield self

    @property
    def argv(self) -> list[str]:
        argv = ["--wallet.path", str(self.wallets), "--wallet.name", "demo", "--wallet.hotkey", "miner"]
        argv += ["--subtensor.network", "ws://127.0.0.1:9", "--axon.host", "127.0.0.1"]
        argv += ["--axon.port", str(self.port), "--ledger.path", str(self.ledger)]
        return [*argv, "--miner.llm_client.base_url", self.model.base_url, *self.flags]

    def context(self) -> Context:
        return Context(read(self.argv, {}, self.folder / ".env"), self.folder, self.system)

    @property
    def system(self) -> System:
        here = f"http://127.0.0.1:{self.service.sockets[0].getsockname()[1]}"
        return System(
            open_substrate=self.chain.open,
            time_servers=[("127.0.0.1", self.clock.port)],
            address_services=[f"{here}/1", f"{here}/2"],
            root=self.root,
            home=self.folder / "home",
            environ=self.environ,
            connect=self._connect,
            free_bytes=self._free,
            pid_exists=lambda pid: pid in self.processes,
            open_files=lambda _: self.open_files,
            children=lambda pid: self.children_of.get(pid, set()),
            nvml=self.nvml,
            timeouts=self.timeouts,
        )

    def _free(self, folder: Path) -> int:
        mounted = (disk for disk in (folder, *folder.parents) if disk in self.free_below)
        return next((self.free_below[disk] for disk in mounted), self.free_bytes)

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if host == "127.0.0.1":
            return await asyncio.open_connection(host, port)
        if self.leads_back:
            return await asyncio.open_connection("127.0.0.1", self.port)
        raise OSError("no way there")

    async def examined(self) -> Mapping[str, Sequence[Finding]]:
        self.nvml.gpus = [self.gpu]
        self.found = await run_checks(self.context())
        return self.found

    def bad(self) -> dict[str, Severity]:
        """The checks that found something, and the worst of it."""
        return {name: worst(one) for name, one in self.found.items() if worst(one) > Severity.OK}

    def said(self, check: str) -> str:
        return "\n".join(f"{one.severity}: {one.what} {one.why} {one.mend}" for one in self.found[check])
