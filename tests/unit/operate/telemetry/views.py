"""A miner to be looked at: real parts, nothing that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logicnet.axon import ConcurrencyLimiter
from logicnet.chain import Metagraph, MetagraphRefresher, Neuron, OfflineChain, RankedNeuron, SubnetSnapshot
from logicnet.ledger import Ledger
from logicnet.llm import EndpointStatus
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.state import View
from logicnet.protocol import Hotkey, Uid
from logicnet.settings import MinerSettings
from tests.unit.ledger.facts import ALICE

NOW_S = 730.0
"""A while after the events of `facts`."""

STANDING = [
    EndpointStatus("http://127.0.0.1:8000/v1", True, "", 3, 41.5, False, 0.0),
    EndpointStatus(
        "https://paid.example/v1/account-77 big",
        False,
        "The model server\nis away",
        0,
        None,
        True,
        1.25,
        12.0,
    ),
]


class Models:
    """Two servers that stand as they were told to."""

    def status(self) -> list[EndpointStatus]:
        return STANDING


class Network(MetagraphRefresher):
    """A network that is known, or not."""

    def __init__(self, graph: Metagraph | None) -> None:
        super().__init__(OfflineChain(Path("never-read.json")), refresh_s=60.0)
        self._graph = graph


NEURONS = (
    Neuron(Uid(4), Hotkey("5Me"), stake=12.0, incentive=0.5),
    Neuron(Uid(1), ALICE, incentive=0.75),
)
SUBNET = SubnetSnapshot(
    tuple(RankedNeuron(one, emission=4.0 * one.incentive) for one in NEURONS),
    block=360,
    max_uids=9,
    tempo=359,
    price=0.5,
)
GRAPH = Metagraph(NEURONS, block=360, subnet=SUBNET)


@contextmanager
def view(path: Path, meter: Meter, graph: Metagraph | None = GRAPH) -> Iterator[View]:
    with Ledger.open(path) as ledger:
        yield View(
            MinerSettings(epoch_volume=96),
            Hotkey("5Me"),
            meter=meter,
            ledger=ledger,
            models=Models(),  # type: ignore[arg-type]
            network=Network(graph),
            limiter=ConcurrencyLimiter(64),
            started_at_s=100.0,
            now_s=lambda: NOW_S,
        )
