"""What the console reads of a miner, without a miner: a real ledger and a real telemetry server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from logicnet.errors import Reason
from logicnet.events import Placed
from logicnet.ledger import Ledger
from logicnet.ledger._batch import EPOCH_S
from logicnet.operate.telemetry.meter import InFlight, ValidatorVolume
from logicnet.operate.telemetry.server import Page, serving
from logicnet.operate.telemetry.state import ModelServerState, State, address_file
from logicnet.protocol import Hotkey, Uid
from logicnet.votelog import SamplerVote, VoteLog
from tests.unit.ledger.facts import ALICE, admitted, answered, epoch, hung_up, refused

NOW_S = 1_000_000_000.0
HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m and a\nsecond line"


@dataclass
class Scene:
    """A ledger that is open for writing, and the state that its miner tells. Both may be changed."""

    ledger: Ledger
    state: State
    asked: int = field(default=0)

    @property
    def path(self) -> Path:
        return self.ledger.path

    def tell(self) -> bytes:
        self.asked += 1
        return self.state.model_dump_json().encode()


def state(ledger: Path, **more: object) -> State:
    """A miner that is well."""
    given: dict[str, object] = {
        "at_s": NOW_S,
        "started_at_s": NOW_S - 7200,
        "pid": 1,
        "version": "0.1.0",
        "hotkey": "5MinerMinerMiner",
        "solver": "race",
        "ledger": str(ledger),
        "interval_s": 600.0,
        "epoch_volume": 512,
        "max_in_flight": 64,
        "network": Placed(NOW_S, 10, 256, Uid(3), 12, 0.031, 7.5),
        "network_age_s": 5.0,
        "servers": [ModelServerState(name="127.0.0.1:8000", healthy=True, calls=3, tokens_per_s=41.0)],
    }
    return State.model_validate(given | more)


def in_flight(challenge_id: str, left_s: float, allowed_s: float = 60.0) -> InFlight:
    return InFlight(
        challenge_id, ALICE, ends_at_s=NOW_S + left_s, allowed_s=allowed_s, epoch_started_at_s=NOW_S - 60
    )


def volume(given: int = 40, kept: int = 40, refused: int = 0, validator: Hotkey = ALICE) -> ValidatorVolume:
    return ValidatorVolume(
        validator=validator, started_at_s=NOW_S - 60, announced=80, given=given, refused=refused, kept=kept
    )


def fill(ledger: Ledger) -> None:
    """Five answers, one who hung up, one in flight; refusals; three epochs of the chain."""
    of = epoch(6, began=NOW_S - 300)
    votes = (SamplerVote("exact", "n:4", "4"), SamplerVote("reason", "n:5", "5"))
    vote_logs = {1: VoteLog("closed", votes, chosen="n:4"), 2: VoteLog("closed", votes, chosen="n:5")}
    for number in range(5):
        at_s = NOW_S - 200 + 30 * number
        name = f"c{number}"
        ledger.record(admitted(name, of, question=f"Question {number}?", at_s=at_s))
        end = answered(name, seconds=2.0 + number, vote_log=vote_logs.get(number), answer=f"Answer {number}")
        object.__setattr__(end, "at_s", at_s + 2.0 + number)
        ledger.record(end)
    ledger.record(admitted("left", of, at_s=NOW_S - 100))
    gone = hung_up("left", 9.0)
    object.__setattr__(gone, "at_s", NOW_S - 91)
    ledger.record(gone)
    ledger.record(admitted("now", of, question=HOSTILE, at_s=NOW_S - 20))
    for at_s in (NOW_S - 120, NOW_S - 60):
        ledger.record(refused(Reason.OVER_QUOTA, at_s=at_s, message="No more.", of=of))
    for number, rank in enumerate((40, 20, 12)):
        at_s = NOW_S - (2 - number) * EPOCH_S
        ledger.record(Placed(at_s, 100 + number, 256, Uid(3), rank, 0.01 * number, 7.0))
    assert ledger.flush()


@contextmanager
def scene(path: Path, *, filled: bool = True) -> Iterator[Scene]:
    with Ledger.open(path) as ledger:
        if filled:
            fill(ledger)
        made = Scene(ledger, state(ledger.path))
        pages = {"/state": Page("application/json", made.tell)}
        with serving(pages, host="127.0.0.1", port=None, address_file=address_file(ledger.path)):
            yield made
