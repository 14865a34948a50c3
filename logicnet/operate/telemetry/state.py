"""The state of the miner as `/state` serves it. Questions and answers are in the ledger, not here."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, Field

from logicnet import __version__
from logicnet._util.text import one_line
from logicnet.axon import ConcurrencyLimiter
from logicnet.chain import MetagraphRefresher, Standing
from logicnet.chain.registration import placed
from logicnet.events import Placed
from logicnet.ledger import Ledger
from logicnet.llm import EndpointStatus
from logicnet.operate.telemetry.meter import InFlight, Meter, ValidatorVolume
from logicnet.protocol import Hotkey
from logicnet.settings import MinerSettings

_LONGEST_ERROR = 200  # characters of a server's error


@dataclass(frozen=True, slots=True)
class ModelServerState:
    """A model server and its health."""

    name: str  # host:port, with the model or a number where host:port is not unique
    healthy: bool
    error: str = ""  # why it is not healthy
    down_since_s: float | None = None  # unix seconds; None while it is healthy
    calls: int = 0  # in flight
    tokens_per_s: float | None = None  # of one call
    paid: bool = False
    spent: float = 0.0  # today, in the unit of its limit


class State(BaseModel):
    """Served by the miner, read by `top`, `console` and `doctor`. It holds no secret."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, serialize_by_alias=True)

    at_s: float  # unix seconds, as all times here
    started_at_s: float
    pid: int
    version: str
    hotkey: str
    solver: str
    ledger: str  # its path, which identifies the miner
    interval_s: float  # the length of an epoch
    epoch_volume: int
    max_in_flight: int
    waiting: int = 0  # admitted challenges above `max_in_flight`
    solving: list[InFlight] = Field(default_factory=list)  # the most urgent first
    servers: list[ModelServerState] = Field(default_factory=list)
    volumes: list[ValidatorVolume] = Field(default_factory=list)
    network: Placed | None = None  # None until the first metagraph
    network_age_s: float = 0.0
    standing: Standing | None = None  # None if it is not registered, or offline
    rows_lost: int = 0  # of the ledger
    rows_waiting: int = 0
    ledger_away: bool = False  # it cannot be written


class ReportsServers(Protocol):
    """The models of a miner, with the state of their servers."""

    def status(self) -> list[EndpointStatus]: ...


@dataclass(frozen=True, slots=True)
class View:
    """The parts of a running miner that `State` is made from. Other threads may read all of them."""

    settings: MinerSettings
    hotkey: Hotkey
    meter: Meter
    ledger: Ledger
    models: ReportsServers
    network: MetagraphRefresher
    limiter: ConcurrencyLimiter
    started_at_s: float = field(default_factory=time.time)
    now_s: Callable[[], float] = time.time

    def state(self) -> State:
        now_s = self.now_s()
        graph, age_s = self.network.current(), self.network.age_s()
        return State(
            at_s=now_s,
            started_at_s=self.started_at_s,
            pid=os.getpid(),
            version=__version__,
            hotkey=self.hotkey,
            solver=self.settings.solver,
            ledger=str(self.ledger.path),
            interval_s=self.settings.limit_interval,
            epoch_volume=self.settings.epoch_volume,
            max_in_flight=self.settings.max_in_flight,
            waiting=self.limiter.waiting,
            solving=self.meter.solving(now_s),
            servers=servers(self.models.status(), now_s),
            volumes=self.meter.volumes(),
            network=placed(graph, self.hotkey) if graph is not None else None,
            network_age_s=age_s or 0.0,
            standing=graph.subnet.standing(self.hotkey) if graph is not None and graph.subnet else None,
            rows_lost=self.ledger.lost,
            rows_waiting=self.ledger.waiting,
            ledger_away=self.ledger.away,
        )


def servers(statuses: Sequence[EndpointStatus], now_s: float) -> list[ModelServerState]:
    """At unix time `now_s`, without the path of the URL: it may identify an account."""
    found: dict[str, ModelServerState] = {}
    for one in statuses:
        url, _, rest = one.name.partition(" ")
        name = f"{urlsplit(url).netloc or url} {rest}".strip()
        number = 1 + sum(known == name or known.startswith(f"{name} (") for known in found)
        name = name if number == 1 else f"{name} ({number})"
        error, since_s = one_line(one.why, _LONGEST_ERROR), None if one.well else now_s - one.out_s
        found[name] = ModelServerState(
            name, one.well, error, since_s, one.calls, one.tokens_per_s, one.paid, one.spent
        )
    return list(found.values())


def address_file(ledger: Path) -> Path:
    """The file in which the miner of this ledger writes the address of its telemetry server."""
    return ledger.with_name(ledger.name + ".admin")


def read_url(ledger: Path) -> str | None:
    """Where the telemetry server of the miner of `ledger` is, or was; None if no file says so."""
    try:
        return str(json.loads(address_file(ledger).read_bytes())["url"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


_TIMEOUT_S = 2.0  # between two bytes
_PAGE_S = 4.0
MOST_PAGE_BYTES = 4_000_000  # ten times a page of metrics, and of a miner with thousands in flight


def http_client() -> httpx2.Client:
    """For `read_state`. The miner is on this machine: proxies of the environment are ignored."""
    return httpx2.Client(timeout=_TIMEOUT_S, trust_env=False)


def read_page(http: httpx2.Client, url: str) -> bytes | None:
    """The content of a page; None if its status is not 200. Blocks.

    Raises ValueError if it is longer than `MOST_PAGE_BYTES` or does not end within `_PAGE_S`, besides what
    the client raises: another program may have got the port.
    """
    content, end_s = bytearray(), time.monotonic() + _PAGE_S
    with http.stream("GET", url) as reply:
        if reply.status_code != 200:
            return None
        for chunk in reply.iter_bytes():
            content += chunk
            if len(content) > MOST_PAGE_BYTES or time.monotonic() > end_s:
                raise ValueError(f"{url} replies without end")
    return bytes(content)


def read_state(ledger: Path, http: httpx2.Client) -> State | None:
    """None if no miner of `ledger`, an absolute path, can be reached. Blocks."""
    url = read_url(ledger)
    if url is None:
        return None
    try:
        content = read_page(http, f"{url}/state")
        state = State.model_validate_json(content) if content is not None else None
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return None
    # After a crash the address file stays, and another miner may have got the port.
    return state if state is not None and state.ledger == str(ledger) else None
