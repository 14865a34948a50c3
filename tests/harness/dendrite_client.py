"""A real bittensor 10.5.0 Dendrite, driven over stdin. Run by that package's own interpreter, not by ours.

    python dendrite_client.py WALLETS        # a folder with hotkeys of the wallet `demo`

One JSON line in is one burst; one JSON line out is the list of its replies, in order. A burst:

    {"hotkey": "alice",         the same one is the same Dendrite, as a validator has one for all it asks
     "port": 8091, "miner_ss58": "5...", of the miner asked, on 127.0.0.1
     "synapse": "LogicSynapse",
     "fields": [{"logic_question": "..."}, ...],    one for each request; all are in flight at once
     "timeout": 64}

The first line out, before any burst, is `{"ready": "10.5.0"}`. It ends when stdin does.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any, Optional

import bittensor
from bittensor.core.chain_data import AxonInfo
from bittensor.utils import networking
from bittensor_wallet import Wallet
from pydantic import Field


class LogicSynapse(bittensor.Synapse):
    """As a LogicNet 1.6 validator declares it."""

    logic_question: str = ""
    logic_answer: Optional[object] = ""  # noqa: UP045
    logic_reasoning: str = ""
    raw_logic_question: str = ""
    ground_truth_answer: Optional[object] = None  # noqa: UP045
    category: str = ""
    task_uid: str = ""


class Information(bittensor.Synapse):
    request_dict: dict[str, Any] = Field(default_factory=dict)
    response_dict: dict[str, Any] = Field(default_factory=dict)


class Unheard(bittensor.Synapse):
    """A synapse that no miner of this subnet knows."""

    question: str = ""


class Dendrite(bittensor.Dendrite):
    """Waits ten times as long as it tells the miner, which may be starved of a processor, too."""

    def preprocess_synapse_for_request(
        self, target_axon_info: AxonInfo, synapse: bittensor.Synapse, timeout: float = 12.0
    ) -> bittensor.Synapse:
        return super().preprocess_synapse_for_request(target_axon_info, synapse, timeout // 10)


SYNAPSES = {one.__name__: one for one in (LogicSynapse, Information, Unheard)}
_dendrites: dict[str, Dendrite] = {}


async def ask(
    dendrite: Dendrite, target: AxonInfo, synapse: bittensor.Synapse, timeout: float
) -> dict[str, Any]:
    began_s = time.monotonic()
    reply = await dendrite.forward(target, synapse, timeout=10 * timeout, deserialize=False)
    return {
        "is_success": reply.is_success,
        "status_code": reply.dendrite.status_code,
        "message": reply.dendrite.status_message,
        "process_time": reply.dendrite.process_time,
        "measured_s": time.monotonic() - began_s,
        "axon_hotkey": reply.axon.hotkey,
        "dendrite_hotkey": reply.dendrite.hotkey,
        "timeout": reply.timeout,
        **{
            name: getattr(reply, name)
            for name in type(synapse).model_fields
            if name not in bittensor.Synapse.model_fields
        },
    }


async def burst(wallets: str, order: dict[str, Any]) -> list[dict[str, Any]]:
    name = order["hotkey"]
    if name not in _dendrites:
        _dendrites[name] = Dendrite(wallet=Wallet(name="demo", hotkey=name, path=wallets))
    target = AxonInfo(
        version=10_005_000,
        ip="127.0.0.1",
        port=order["port"],
        ip_type=4,
        hotkey=order["miner_ss58"],
        coldkey=order["miner_ss58"],
    )
    kind = SYNAPSES[order["synapse"]]
    return await asyncio.gather(
        *(ask(_dendrites[name], target, kind(**fields), order["timeout"]) for fields in order["fields"])
    )


async def main(wallets: str) -> None:
    networking.get_external_ip = lambda: "203.0.113.99"  # it would ask the internet
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library says is no reply
    print(json.dumps({"ready": bittensor.__version__}), file=replies, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await burst(wallets, json.loads(line))), file=replies, flush=True)
    for dendrite in _dendrites.values():
        await dendrite.aclose_session()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
