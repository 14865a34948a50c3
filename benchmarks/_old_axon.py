"""bittensor 10.5.0's own Axon, answering LogicSynapse with a constant. Run by that package's interpreter.

The checks are those of ours: signature and nonce (the Axon's default), and a blacklist that looks the
hotkey up in a dict. There is no quota, no ledger and no priority function: what it lacks counts for it.
It is the Axon as `pip install bittensor==10.5.0` leaves it.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Tuple  # noqa: UP035 (the Axon compares annotations with this one)

import bittensor
from bittensor_wallet import Wallet


class LogicSynapse(bittensor.Synapse):
    logic_question: str = ""
    logic_answer: str = ""
    logic_reasoning: str = ""
    raw_logic_question: str = ""
    ground_truth_answer: object = None
    category: str = ""
    task_uid: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wallets", type=Path, required=True, help="folder of wallets; uses demo/miner")
    parser.add_argument("--network", type=Path, required=True, help="JSON file of neurons, as --chain.file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--reasoning", required=True)
    args = parser.parse_args()
    sys.argv = sys.argv[:1]  # bittensor 10 reads it too

    stakes = {n["hotkey"]: n["stake"] for n in json.loads(args.network.read_text())["neurons"]}

    def forward(synapse: LogicSynapse) -> LogicSynapse:
        synapse.logic_answer = args.answer
        synapse.logic_reasoning = args.reasoning
        return synapse

    def blacklist(synapse: LogicSynapse) -> Tuple[bool, str]:  # noqa: UP006
        return stakes.get(synapse.dendrite.hotkey, 0.0) < 10_000, "stake too low"

    wallet = Wallet(name="demo", hotkey="miner", path=str(args.wallets))
    axon = bittensor.Axon(wallet=wallet, port=args.port, ip="127.0.0.1", external_ip="127.0.0.1")
    axon.attach(forward_fn=forward, blacklist_fn=blacklist)
    axon.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
