"""What every bench needs: a wallet, a network of validators, and processes that are started and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import bittensor as bt
from bittensor.sp_core import Keypair

from logicnet.arena import classic_request

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "A farmer has 17 sheep and all but 9 run away. How many are left?"
MOST_PER_VALIDATOR = 80
"""The quota's upper clamp: no validator is given more than this in one interval."""


@dataclass(frozen=True)
class Place:
    """A folder with a wallet (`bench/bench`) and a network file, and the keys of its validators."""

    folder: Path
    miner_ss58: str
    validators: list[Keypair]

    @property
    def network(self) -> Path:
        return self.folder / "network.json"

    def miner_command(self, port: int, *flags: str) -> list[str]:
        """`logicnet mine` without a chain, for this place; the volume is as large as quotas can use."""
        command = [str(Path(sys.executable).with_name("logicnet")), "mine", "--offline"]
        command += ["--chain.file", str(self.network), "--ledger.path", str(self.folder / "ledger.sqlite")]
        command += ["--wallet.path", str(self.folder / "wallets"), "--wallet.name", "bench"]
        command += ["--wallet.hotkey", "bench", "--axon.port", str(port)]
        command += ["--miner.epoch_volume", str(MOST_PER_VALIDATOR * len(self.validators))]
        return [*command, *flags]


@contextlib.contextmanager
def place(validators: int) -> Iterator[Place]:
    """A temporary place with `validators` validators of equal stake."""
    with tempfile.TemporaryDirectory(prefix="logicnet-bench-") as name:
        folder = Path(name)
        wallet = bt.Wallet("bench", "bench", path=str(folder / "wallets"))
        wallet.create_new_coldkey(use_password=False, suppress=True)
        wallet.create_new_hotkey(suppress=True)
        miner_ss58 = wallet.hotkey.ss58_address
        keys = [Keypair.create_from_uri(f"//Bench/{number}") for number in range(validators)]
        neurons = [{"uid": 0, "hotkey": miner_ss58, "stake": 0.0, "validator_permit": False}]
        neurons += [
            {"uid": uid, "hotkey": key.ss58_address, "stake": 50_000.0, "validator_permit": True}
            for uid, key in enumerate(keys, start=1)
        ]
        made = Place(folder, miner_ss58, keys)
        made.network.write_text(json.dumps({"neurons": neurons}))
        yield made


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` as a process, on one core if asked, ended with the block. What it says goes to `log`."""
    with log.open("ab") as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
        )
        if core is not None:
            os.sched_setaffinity(process.pid, {core})  # long before it has a second thread
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(port: int, place: Place, *, validator: int = 0, question: str = QUESTION) -> tuple[int, bytes]:
    """Status and body of one signed challenge. Raises OSError if nobody listens."""
    headers, body = classic_request(
        place.validators[validator],
        synapse="LogicSynapse",
        miner_ss58=place.miner_ss58,
        fields={"logic_question": question, "category": "Logic", "task_uid": "bench"},
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=70)
    try:
        connection.request("POST", "/LogicSynapse", body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def wait_for_answer(
    port: int, place: Place, process: subprocess.Popen[bytes], *, log: Path, limit_s: float = 60.0
) -> bytes:
    """The body of the first challenge answered 200. Exits with the end of `log` if none is in time."""
    last = "nobody listened"
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s and process.poll() is None:
        try:
            status, body = ask(port, place)
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
            time.sleep(0.002)
            continue
        if status == 200:
            return body
        last = f"{status} {body[:200]!r}"
        time.sleep(0.01)
    words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    sys.exit(f"no answer from port {port}: {last}\n{words}")
