"""Subnet wires: what a subnet asks of its miners, what it expects, and how it scores an answer.

A reasoning subnet is one class, an entry point of the group `logicnet.wires`; docs/wires.md has an example.
How requests are signed is another matter: `logicnet.axon` reads both of bittensor's ways for every subnet.
"""

import difflib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from pydantic import BaseModel

from logicnet._util.text import one_line
from logicnet.errors import SettingsError
from logicnet.protocol import LOGIC_TIMEOUT_S, Answer, AskedFields, Information, LogicSynapse
from logicnet.scoring.reward import Prices, prices_of, reward_of

GROUP = "logicnet.wires"


class ChallengeModel(Protocol):
    """A pydantic model of a challenge's body. A question that breaks its own rules is refused with 422.

    The axon adds a field `dendrite` for the classic wire.
    """

    timeout: float | int | None  # seconds, where the headers have none

    def asked(self) -> AskedFields:
        """What a solver is given."""

    def reply_fields(self, answer: Answer) -> dict[str, Any]:
        """The body of the reply; a Dendrite reads all fields of its synapse in it."""


class InformationModel(Protocol):
    """A pydantic model of the body of a request for our volume."""

    timeout: float | int | None

    def reply_fields(self, *, epoch_volume: int, category: str) -> dict[str, Any]: ...


class SubnetWire(Protocol):
    """A subnet. The path of each model is `/` and the name of its class, as bittensor has it."""

    challenge: type[Any]  # a ChallengeModel
    information: type[Any] | None  # an InformationModel; None where nobody asks
    timeout_s: float  # of a challenge that names none

    def reward(self, correctness: float, similarity: float, process_time_s: float, timeout_s: float) -> float:
        """What one answer earns. Correctness and similarity are -1 to 1; silence earns 0 everywhere."""


class LogicNet:
    """Subnet 35, as of LogicNet 1.6."""

    challenge: type[Any] = LogicSynapse
    information: type[Any] | None = Information
    timeout_s = LOGIC_TIMEOUT_S

    def reward(self, correctness: float, similarity: float, process_time_s: float, timeout_s: float) -> float:
        return reward_of(correctness, similarity, process_time_s, timeout_s)


LOGICNET: SubnetWire = LogicNet()
_OURS = "logicnet"  # it is no entry point: an installation from before it moved finds it, too


def load_wire(name: str, *, flag: str = "--miner.wire") -> SubnetWire:
    """Ours, or the wire `name` of any installed package. Raises SettingsError in one line."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        ours = entry.name == _OURS and (entry.dist is None or entry.dist.name != _OURS)
        if ours or found.setdefault(entry.name, entry).value != entry.value:
            raise SettingsError(f"two wires are named {entry.name!r}: uninstall one of their packages")
    if name == _OURS:
        return LOGICNET
    if name not in found:
        names = {_OURS, *found}
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        known = ", ".join(sorted(names))
        raise SettingsError(f"{flag} {one_line(name, 80)!r}: there is no such wire{hint} Known: {known}")
    try:
        wire = found[name].load()()
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        said = one_line(f"{type(error).__name__}: {error}", 300)
        raise SettingsError(f"{flag} {name}: {found[name].value} cannot be loaded: {said}") from error
    if lacking := _lacking(wire):
        raise SettingsError(f"{flag} {name}: {found[name].value} {lacking}")
    checked: SubnetWire = wire
    return checked


def _lacking(wire: Any) -> str:
    """Why this is no wire; empty if it is one."""
    wanted: Mapping[str, tuple[str, ...]] = {
        "challenge": ("asked", "reply_fields"),
        "information": ("reply_fields",),
    }
    for name, methods in wanted.items():
        model = getattr(wire, name, None)
        if model is None and name == "information":
            continue
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return f"needs a pydantic model as its `{name}`"
        lacks = [one for one in methods if not callable(getattr(model, one, None))]
        lacks += [] if "timeout" in model.model_fields else ["timeout"]
        if lacks:
            return f"has a `{name}` without `{lacks[0]}`"
    timeout_s = getattr(wire, "timeout_s", None)
    if not isinstance(timeout_s, int | float) or not timeout_s > 0:
        return "needs seconds above 0 as its `timeout_s`"
    if not callable(getattr(wire, "reward", None)):
        return "has no `reward`"
    try:
        wire_prices(wire)
    except Exception as error:  # foreign code may raise anything
        return f"has a `reward` that fails: {one_line(f'{type(error).__name__}: {error}', 300)}"
    return ""


def wire_prices(wire: SubnetWire) -> Prices:
    """What a right answer, similarity and a second are worth there: so long a solver waits.

    Evaluated from `reward`, so that a wire does not say it twice. Raises what `reward` raises.
    """
    return prices_of(wire.reward, float(wire.timeout_s))
