"""Is the subnet alive: which validators have stake and a permit, and which of them still set weights?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, error, ok, warning

_ENOUGH_STAKE = 0.5  # of the validators' stake: with less, most of the emission does not move


async def check(context: Context) -> Sequence[Finding]:
    snapshot = await context.snapshot()
    permitted = [ranked for ranked in snapshot.neurons if ranked.neuron.validator_permit]
    if not permitted:
        return [
            error(
                f"Subnet {context.settings.netuid} has no validator with a permit.",
                "Nobody asks, nobody scores, nothing is paid.",
                "Check --netuid; a subnet without validators is dead.",
            )
        ]
    active = [ranked for ranked in permitted if ranked.active]
    stake = sum(ranked.neuron.stake for ranked in permitted)
    share = sum(ranked.neuron.stake for ranked in active) / stake if stake else 0.0
    ago_s = snapshot.block_s * (snapshot.block - max(ranked.last_update for ranked in permitted))
    what = (
        f"{len(active)} of {len(permitted)} validators set weights recently, the last {ago_s / 60:.0f} min "
        f"ago; they hold {share:.0%} of {stake:,.0f} alpha of stake."
    )
    if not active:
        why = "Without weights nothing is paid, however good the answers."
        return [
            error(what, why, "Ask in the subnet's channel, and stop renting a GPU until weights are set.")
        ]
    if share < _ENOUGH_STAKE:
        why = "Validators with little stake move little of the emission."
        return [warning(what, why, "Watch it for a day; stop renting if it stays so.")]
    return [ok(what)]
