"""What every bench needs: a wallet, a network of validators, processes, and a validator's first question."""

from __future__ import annotations

import contextlib
import http.client
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _load import raw_request
from bittensor.sp_core import Keypair

from logicnet._util.processes import Child
from logicnet.evals.arena.signing import classic_request
from logicnet.operate.demo.stage import hotkey, write_network

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "A farmer has 17 sheep and all but 9 run away. How many are left?"
MOST_PER_VALIDATOR = 80
"""The quota's upper clamp: no validator is given more than this in one interval."""


@dataclass(frozen=True)
class Place:
    """A folder with the wallet `demo`, hotkey `miner`, and a network file; the keys of its validators."""

    folder: Path
    miner_ss58: str
    validators: list[Keypair]

    @property
    def network(self) -> Path:
        return self.folder / "network.json"

    @property
    def wallets(self) -> Path:
        return self.folder / "wallets"

    def miner_command(self, port: int, *flags: str) -> list[str]:
        """`logicnet mine` without a chain, for this place; the volume is as large as quotas can use."""
        command = [str(Path(sys.executable).with_name("logicnet")), "mine", "--offline"]
        command += ["--chain.file", str(self.network), "--ledger.path", str(self.folder / "ledger.sqlite")]
        command += ["--wallet.path", str(self.wallets), "--wallet.name", "demo", "--wallet.hotkey", "miner"]
        command += ["--axon.port", str(port)]
        command += ["--miner.epoch_volume", str(MOST_PER_VALIDATOR * len(self.validators))]
        return [*command, *flags]

    def console_command(self, port: int, ledger: str = "ledger.sqlite") -> list[str]:
        """`logicnet console` on a ledger of this place."""
        command = [str(Path(sys.executable).with_name("logicnet")), "console", "--console.port", str(port)]
        return [*command, "--ledger.path", str(self.folder / ledger)]

    def request(self, validator: int, task_uid: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of a challenge, signed now by the validator of that number."""
        return classic_request(
            self.validators[validator],
            synapse="LogicSynapse",
            miner_ss58=self.miner_ss58,
            fields={"logic_question": QUESTION, "category": "Logic", "task_uid": task_uid},
        )

    def first_answer(self, server: Child, port: int, *, within_s: float = 60.0) -> bytes:
        """The body of the first challenge that `server` answers with 200.

        Raises LogicnetError if the process ends first, TimeoutError if no answer comes in time.
        """
        last = "nobody listens"
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            server.check_running()
            headers, body = self.request(0, "first")
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=70)) as connection:
                try:
                    connection.request("POST", "/LogicSynapse", body, headers)
                    reply = connection.getresponse()
                except (OSError, http.client.HTTPException) as error:
                    last = repr(error)
                    time.sleep(0.002)
                    continue
                content = reply.read()
            if reply.status == 200:
                return content
            last = f"{reply.status} {content[:200]!r}"
            time.sleep(0.01)
        raise TimeoutError(f"{server.name} gave no answer: {last}\n{server.end_of_log()}")


@contextlib.contextmanager
def place(validators: int) -> Iterator[Place]:
    """A temporary place with `validators` validators of equal stake."""
    with tempfile.TemporaryDirectory(prefix="logicnet-bench-") as name:
        folder = Path(name)
        keys = [Keypair.create_from_uri(f"//Bench/{number}") for number in range(validators)]
        made = Place(folder, hotkey(folder / "wallets", "miner").ss58_address, keys)
        write_network(made.network, made.miner_ss58, {key.ss58_address: 50_000.0 for key in keys})
        yield made


def signed(here: Place, connections: int, most: int) -> list[list[bytes]]:
    """A queue of fresh requests for each connection, which has validators of its own."""
    per_connection = len(here.validators) // connections
    turns = min(most // connections, MOST_PER_VALIDATOR * per_connection)
    queues: list[list[bytes]] = [[] for _ in range(connections)]
    for turn in range(turns):
        for number, queue in enumerate(queues):
            request = here.request(number + connections * (turn % per_connection), f"{number}-{turn}")
            queue.append(raw_request("/LogicSynapse", *request))
    return queues
