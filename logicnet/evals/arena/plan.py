"""The flags and the saved plan of `logicnet arena`."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from logicnet._util.flags import Flag
from logicnet.errors import SettingsError
from logicnet.evals.runs.plan import RunPlan
from logicnet.protocol import INFORMATION_TIMEOUT_S, LOGIC_TIMEOUT_S, Wire
from logicnet.scoring.incentive import BATCH_MINERS, LANE_STAGGER_S, LANES, LOOP_S

MIN_STAKE = 10_000.0
"""The stake (alpha) from which a validator shares in a miner's volume. Source: LogicNet 1.6."""


@dataclass(frozen=True, slots=True)
class Target:
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


class ArenaPlan(RunPlan):
    """See the module. Who asks (wallet, URI, stakes' file) is read again each time."""

    MAY_CHANGE: ClassVar = RunPlan.MAY_CHANGE | {"rounds"}
    MAY_CHANGE_IN_WORDS: ClassVar = "--rounds and the models that score"

    kind: Literal["arena"] = "arena"
    run: uuid.UUID = Field(default_factory=uuid.uuid4)  # so that no two runs name a question alike
    validator: str = ""  # ss58 of the hotkey that asks
    stakes: dict[str, float] = Field(default_factory=dict)
    """Of everybody on the subnet (alpha, by ss58): what a miner shares its volume by."""

    target: tuple[str, ...] = Field((), description="HOST:PORT of a miner; repeat for more.")
    hotkey: tuple[str, ...] = Field((), description="Its ss58 hotkey, in the same order.")
    label: tuple[str, ...] = Field((), description="Its name in tables, in the same order.")
    challenges: str = Field("", description="A recipe, or a JSONL file of questions.")
    rounds: int = Field(1, ge=1, description="Number of validator loops.")
    per_round: int | None = Field(
        None, ge=1, description="Questions per round and miner at most; default: spread evenly."
    )
    wallet_path: Annotated[Path | None, Flag(("--wallet.path",))] = Field(
        None, exclude=True, description="Folder of wallets."
    )
    wallet_name: Annotated[str | None, Flag(("--wallet.name",))] = Field(
        None, exclude=True, description="The validator's coldkey."
    )
    wallet_hotkey: Annotated[str | None, Flag(("--wallet.hotkey",))] = Field(
        None, exclude=True, description="Its hotkey."
    )
    validator_uri: str | None = Field(
        None, exclude=True, repr=False, description="A development key instead of a wallet, such as //Alice."
    )
    chain_file: Annotated[Path | None, Flag(("--chain.file",))] = Field(
        None, exclude=True, description="The network, for the stakes; default: this validator alone."
    )
    wire: Literal["classic", "btauth", "both"] = Field("classic", description="both: in turn.")
    score: Literal["half", "all"] = Field("all", description="A validator scores about half.")
    seed: int = Field(0, description="Decides which half is scored.")
    concurrency: Annotated[int, Flag(former="--lanes")] = Field(
        LANES, ge=1, description="Batches in flight at once."
    )
    stagger_s: float = Field(
        LANE_STAGGER_S, ge=0, allow_inf_nan=False, description="Seconds between the starts of batches."
    )
    batch: int = Field(BATCH_MINERS, ge=1, description="Miners that are asked the same question at once.")
    loop_s: Annotated[float, Flag(("--loop-seconds",))] = Field(
        LOOP_S,
        ge=0,
        allow_inf_nan=False,
        description="Seconds of a loop, the miner's --miner.limit_interval.",
    )
    timeout_s: float = Field(LOGIC_TIMEOUT_S, gt=0, allow_inf_nan=False, description="Seconds for an answer.")
    information_timeout_s: float = Field(
        INFORMATION_TIMEOUT_S, gt=0, allow_inf_nan=False, description="Seconds for Information."
    )
    category: str = Field("Logic", description="Category that a miner's Information must name.")
    truth: bool | None = Field(
        None, description="Add whether answers are truly right; default: if math-verify is installed."
    )

    @property
    def targets(self) -> tuple[Target, ...]:
        labels = self.label or (None,) * len(self.target)
        return tuple(map(Target, self.target, self.hotkey, labels))

    def task_uid(self, problem_id: str) -> str:
        """What a miner is told instead of the id, which is made of the question and its truth."""
        return str(uuid.uuid5(self.run, problem_id))

    def wire_of(self, place: int) -> Wire:
        """The wire of the question with that number, from 0."""
        if self.wire == "both":
            return "classic" if place % 2 == 0 else "btauth"
        return self.wire


def check_targets(plan: ArenaPlan) -> None:
    """Raise SettingsError unless each target has an address, a hotkey and a name of its own."""
    from bittensor.wallets import is_bittensor_address  # noqa: PLC0415 (a third of a second)

    if not plan.target:
        raise SettingsError("--target is missing: HOST:PORT of a miner's axon, with its --hotkey")
    if len(plan.hotkey) != len(plan.target):
        raise SettingsError(
            f"each --target has a --hotkey, in the same order; got {len(plan.target)} and {len(plan.hotkey)}"
        )
    if plan.label and len(plan.label) != len(plan.target):
        raise SettingsError(
            f"--label is for every --target or for none, in the same order; got {len(plan.label)}"
        )
    for hotkey in plan.hotkey:
        if not is_bittensor_address(hotkey):
            raise SettingsError(f"--hotkey {hotkey[:60]!r}: not an ss58 address of Bittensor")
    for what, given in (("--target", plan.target), ("--label", plan.label)):
        twice = next((one for one in given if given.count(one) > 1), None)
        if twice is not None:
            raise SettingsError(f"{what} {twice!r} is given twice; rows could not be told apart")
    for address in plan.target:
        _check_address(address)


def _check_address(text: str) -> None:
    """HOST:PORT; an IPv6 address in brackets."""
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fit = port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    fit = fit and bare != "" and (bare != host or ":" not in host)
    if not fit or not all(c.isalnum() or c in ".-:_%" for c in bare) or not bare.isascii():
        raise SettingsError(f"--target takes HOST:PORT, such as 127.0.0.1:8091; got {text[:60]!r}")
