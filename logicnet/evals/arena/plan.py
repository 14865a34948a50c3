"""What an arena is asked to do: `run.json` of its folder, so that a resumed run is the same run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from logicnet.errors import SettingsError
from logicnet.evals.runs.plan import FrozenPlan, ModelServer
from logicnet.protocol import INFORMATION_TIMEOUT_S, LOGIC_TIMEOUT_S, Wire
from logicnet.scoring.rhythm import BATCH_MINERS, LANE_STAGGER_S, LANES, LOOP_S

Wires = Literal["classic", "btauth", "both"]
"""`both`: one question over the one, the next over the other."""

Scored = Literal["half", "all"]

MIN_STAKE = 10_000.0
"""The stake (alpha) from which a validator shares in a miner's volume. Source: LogicNet 1.6."""

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Timeout = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1)]


class Target(FrozenPlan):
    """A running miner. `name` is what rows and tables call it: its label, else its address."""

    address: str  # HOST:PORT
    hotkey: str  # ss58
    label: str | None = None  # what the user calls it: its solver, most likely

    @property
    def name(self) -> str:
        return self.label or self.address

    @property
    def base_url(self) -> str:
        return f"http://{self.address}"


class ArenaPlan(FrozenPlan):
    """See the module. Times are seconds."""

    format: Literal[1] = 1
    run: uuid.UUID = Field(default_factory=uuid.uuid4)  # so that no two runs name a question alike
    targets: tuple[Target, ...]
    validator: str  # ss58 of the hotkey that asks
    stakes: dict[str, float]
    """Of everybody on the subnet (alpha, by ss58): what a miner shares its volume by."""
    challenges: str  # as it was given: a recipe or a file
    rounds: _Count = 1
    per_round: _Count | None = None  # questions per miner and round at most; its quota if None
    wire: Wires = "classic"
    score: Scored = "all"
    seed: int = 0  # of which half is scored
    category: str = "Logic"
    lanes: _Count = LANES
    stagger_s: _Seconds = LANE_STAGGER_S
    batch: _Count = BATCH_MINERS
    loop_s: _Seconds = LOOP_S
    timeout_s: _Timeout = LOGIC_TIMEOUT_S
    information_timeout_s: _Timeout = INFORMATION_TIMEOUT_S
    judge: ModelServer | None = None
    reference: ModelServer | None = None
    embedding_model: str | None = None
    truth: bool = True

    def task_uid(self, problem_id: str) -> str:
        """What a miner is told instead of the id, which is made of the question and its truth."""
        return str(uuid.uuid5(self.run, problem_id))

    def wire_of(self, place: int) -> Wire:
        """The wire of the question with that number, from 0."""
        if self.wire == "both":
            return "classic" if place % 2 == 0 else "btauth"
        return self.wire


def read_targets(
    addresses: Sequence[str], hotkeys: Sequence[str], labels: Sequence[str] = ()
) -> tuple[Target, ...]:
    """Targets from what was given in the same order. Raises SettingsError."""
    from bittensor.wallets import is_bittensor_address  # noqa: PLC0415 (a third of a second)

    if not addresses:
        raise SettingsError("--target is missing: HOST:PORT of a miner's axon, with its --hotkey")
    if len(hotkeys) != len(addresses):
        raise SettingsError(
            f"each --target has a --hotkey, in the same order; got {len(addresses)} and {len(hotkeys)}"
        )
    if labels and len(labels) != len(addresses):
        raise SettingsError(
            f"--label is for every --target or for none, in the same order; got {len(labels)}"
        )
    for hotkey in hotkeys:
        if not is_bittensor_address(hotkey):
            raise SettingsError(f"--hotkey {hotkey[:60]!r}: not an ss58 address of Bittensor")
    for what, given in (("--target", addresses), ("--label", labels)):
        twice = next((one for one in given if list(given).count(one) > 1), None)
        if twice is not None:
            raise SettingsError(f"{what} {twice!r} is given twice; rows could not be told apart")
    return tuple(
        Target(address=_address(address), hotkey=hotkey, label=labels[place] if labels else None)
        for place, (address, hotkey) in enumerate(zip(addresses, hotkeys, strict=True))
    )


def _address(text: str) -> str:
    """HOST:PORT; an IPv6 address in brackets."""
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fit = port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    fit = fit and bare != "" and (bare != host or ":" not in host)
    if not fit or not all(c.isalnum() or c in ".-:_%" for c in bare) or not bare.isascii():
        raise SettingsError(f"--target takes HOST:PORT, such as 127.0.0.1:8091; got {text[:60]!r}")
    return text
