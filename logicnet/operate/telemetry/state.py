"""State: the miner as it stands, as `/state` tells it. Questions and answers are in the ledger, not here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from logicnet.axon import ConcurrencyLimiter
from logicnet.chain import NetworkKeeper
from logicnet.chain.standing import placed
from logicnet.ledger import Ledger
from logicnet.llm import EndpointStatus, Models
from logicnet.operate.telemetry.counted import Stands
from logicnet.operate.telemetry.meter import Meter
from logicnet.protocol import Hotkey

_LONGEST = 200  # characters of what a server said is wrong with it


class _StatePart(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class SolvingChallenge(_StatePart):
    """A challenge that is being solved."""

    challenge_id: str
    validator: str
    ends_at_s: float  # unix seconds, here and below
    allowed_s: float


class ModelServerState(_StatePart):
    """A model server."""

    name: str  # host:port, with the model or a number where that alone is not enough
    well: bool
    why: str = ""  # it is not
    out_since_s: float | None = None  # unix seconds; None while it is well
    calls: int = 0
    tokens_per_s: float | None = None  # of one call
    paid: bool = False
    spent: float = 0.0  # today, in the unit of its limit


class Promise(_StatePart):
    """One validator's epoch."""

    validator: str
    started_at_s: float
    promised: int
    given: int
    refused: int
    kept: int  # answered in time


class Network(_StatePart):
    """Our place in it; the last look."""

    age_s: float
    block: int
    neurons: int
    uid: int | None = None
    rank: int | None = None
    incentive: float = 0.0
    stake: float = 0.0


class State(_StatePart):
    """The whole of it. Hotkeys are public, and there is no secret in here."""

    at_s: float
    started_at_s: float
    pid: int
    version: str
    hotkey: str
    solver: str
    ledger: str  # its path, by which a miner is known
    interval_s: float  # what a quota is for
    epoch_volume: int
    places: int  # challenges solved at once
    waiting: int = 0  # admitted, but without a place yet
    solving: list[SolvingChallenge] = Field(default_factory=list)  # the most urgent first
    servers: list[ModelServerState] = Field(default_factory=list)
    promises: list[Promise] = Field(default_factory=list)
    network: Network | None = None  # None until the first metagraph
    rows_lost: int = 0  # of the ledger
    rows_waiting: int = 0
    ledger_away: bool = False  # it cannot be written


@dataclass(frozen=True, slots=True)
class View:
    """The parts of a running miner that are looked at. All may be read from another thread."""

    hotkey: Hotkey
    solver: str
    interval_s: float
    epoch_volume: int
    most_in_flight: int
    meter: Meter
    ledger: Ledger
    models: Models
    network: NetworkKeeper
    places: ConcurrencyLimiter
    started_at_s: float
    now_s: Callable[[], float] = time.time

    def state(self) -> State:
        now_s = self.now_s()
        return State(
            at_s=now_s,
            started_at_s=self.started_at_s,
            pid=os.getpid(),
            version=version("logicnet"),
            hotkey=self.hotkey,
            solver=self.solver,
            ledger=str(self.ledger.path),
            interval_s=self.interval_s,
            epoch_volume=self.epoch_volume,
            places=self.most_in_flight,
            waiting=self.places.waiting,
            solving=[
                SolvingChallenge(
                    challenge_id=one.challenge_id,
                    validator=one.validator,
                    ends_at_s=one.ends_at_s,
                    allowed_s=one.allowed_s,
                )
                for one in self.meter.solving(now_s)
            ],
            servers=servers(self.models.standing(), now_s) if isinstance(self.models, Stands) else [],
            promises=[
                Promise(
                    validator=one.epoch.validator,
                    started_at_s=one.epoch.started_at_s,
                    promised=one.epoch.promised,
                    given=one.epoch.given,
                    refused=one.epoch.refused,
                    kept=one.kept,
                )
                for one in self.meter.volumes()
            ],
            network=self._network(),
            rows_lost=self.ledger.lost,
            rows_waiting=self.ledger.waiting,
            ledger_away=self.ledger.away,
        )

    def _network(self) -> Network | None:
        graph, age_s = self.network.current(), self.network.age_s()
        if graph is None or age_s is None:
            return None
        mine = placed(graph, self.hotkey)
        return Network(
            age_s=age_s,
            block=mine.block,
            neurons=mine.neurons,
            uid=mine.uid,
            rank=mine.rank,
            incentive=mine.incentive,
            stake=mine.stake,
        )


def servers(standing: Sequence[EndpointStatus], now_s: float) -> list[ModelServerState]:
    """As they are shown at unix time `now_s`: without the path of an address, which may be an account's."""
    found: dict[str, ModelServerState] = {}
    for one in standing:
        url, _, rest = one.name.partition(" ")
        name = f"{urlsplit(url).netloc or url} {rest}".strip()
        number = 1 + sum(known == name or known.startswith(f"{name} (") for known in found)
        name = name if number == 1 else f"{name} ({number})"
        found[name] = ModelServerState(
            name=name,
            well=one.well,
            why=_plain(one.why),
            out_since_s=None if one.well else now_s - one.out_s,
            calls=one.calls,
            tokens_per_s=one.tokens_per_s,
            paid=one.paid,
            spent=one.spent,
        )
    return list(found.values())


def address_file(ledger: Path) -> Path:
    """Where the miner of this ledger says how it is watched."""
    return ledger.with_name(ledger.name + ".admin")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])
