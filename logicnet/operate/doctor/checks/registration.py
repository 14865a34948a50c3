"""Is the hotkey registered, and how likely is it to be replaced by a new registration?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.chain import RankedNeuron, SubnetSnapshot
from logicnet.chain.build import register_command
from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, error, ok, warning

_SOON = 3
_NEAR = 12
"""Neurons that would be replaced before us. A few register each day where it is expensive, a few each hour
where it is cheap: so these are hours and days."""

_IMMUNITY_ENDS_S = 86_400.0  # a day is enough to improve the miner

_WHY = "A replaced miner has to pay for another registration, and earns nothing until then."
_MEND = (
    "Earn more than those before you: see `logicnet ledger` for late or failed challenges, and "
    "`logicnet bench` for a better model or solver."
)


async def check(context: Context) -> Sequence[Finding]:
    snapshot = await context.snapshot()
    hotkey = await context.hotkey()
    ranked = snapshot.by_hotkey.get(hotkey)
    if ranked is None:
        return [
            error(
                f"The hotkey {hotkey} is not registered on subnet {context.settings.netuid}.",
                "Validators ask registered miners only.",
                f"Register it: {register_command(context.settings)}",
            )
        ]
    return [safety(snapshot, ranked)]


def safety(snapshot: SubnetSnapshot, ranked: RankedNeuron) -> Finding:
    """How safe `ranked` is from being replaced."""
    better = sum(other.neuron.incentive > ranked.neuron.incentive for other in snapshot.neurons)
    what = (
        f"Registered as uid {ranked.neuron.uid}, rank {better + 1} of {len(snapshot.neurons)} by incentive "
        f"({ranked.neuron.incentive:.4f})"
    )
    immune_s = snapshot.immune_for(ranked) * snapshot.block_s
    if immune_s:
        what = f"{what}; immune to replacement for {_span(immune_s)}."
        if ranked.emission > 0 or immune_s > _IMMUNITY_ENDS_S:
            return ok(what)
        why = f"After that it is among the first to be replaced. {_WHY}"
        return warning(f"{what} Nothing has been earned yet.", why, _MEND)
    before = next((number for number, one in enumerate(snapshot.pruning_order()) if one is ranked), None)
    if before is None:
        return ok(f"{what}; the neuron of the subnet's owner is never replaced.")
    if not snapshot.full:
        free = snapshot.max_uids - len(snapshot.neurons)
        return ok(f"{what}; {free} UIDs are free, so nobody is replaced now.")
    order = f"{before} are replaced before it" if before else "the next registration replaces it"
    what = f"{what}; the subnet is full and {order}."
    if before >= _NEAR:
        return ok(what)
    return (error if before < _SOON else warning)(what, _WHY, _MEND)


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} days" if hours > 48 else f"{hours:.1f} hours"
