"""Validators: is this subnet alive? Who has stake and a permit, and who of them still sets weights?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.errors import ChainError
from logicnet.operate.doctor.chain import AWAY, OFFLINE
from logicnet.operate.doctor.finding import Finding, error, ok, warning
from logicnet.operate.doctor.site import Site

_ENOUGH_STAKE = 0.5  # of the validators' stake; less at work means that most of the emission waits


async def look(site: Site) -> Sequence[Finding]:
    if site.settings.offline:
        return [OFFLINE]
    try:
        survey = await site.survey()
    except ChainError:
        return [AWAY]
    permitted = [seat for seat in survey.seats if seat.neuron.validator_permit]
    if not permitted:
        return [
            error(
                f"Subnet {site.settings.netuid} has no validator with a permit.",
                "Nobody asks, nobody scores, nothing is paid.",
                "Check --netuid; a subnet without validators is dead.",
            )
        ]
    active = [seat for seat in permitted if seat.active]
    stake = sum(seat.neuron.stake for seat in permitted)
    share = sum(seat.neuron.stake for seat in active) / stake if stake else 0.0
    ago_s = survey.block_s * (survey.block - max(seat.last_update for seat in permitted))
    said = (
        f"{len(active)} of {len(permitted)} validators set weights lately, the last {ago_s / 60:.0f} minutes "
        f"ago; they hold {share:.0%} of {stake:,.0f} alpha of stake"
    )
    if not active:
        return [
            error(
                f"{said}.",
                "Without weights nothing is paid, however well you answer.",
                "Ask the subnet's people what is going on, and stop renting a GPU until it is mended.",
            )
        ]
    if share < _ENOUGH_STAKE:
        return [
            warning(
                f"{said}.",
                "Weights of little stake move little of the emission.",
                "Watch it for a day; stop renting if it stays so.",
            )
        ]
    return [ok(f"{said}.")]
