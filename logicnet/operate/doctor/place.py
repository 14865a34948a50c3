"""Place: are we registered, and how likely is it that a newcomer takes our place?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.chain import RankedNeuron, Survey
from logicnet.chain.build import register_command
from logicnet.errors import ChainError, SettingsError
from logicnet.operate.doctor.chain import AWAY, OFFLINE
from logicnet.operate.doctor.finding import Finding, error, ok, unmade, warning
from logicnet.operate.doctor.site import Site

_SOON = 3
_NEAR = 12
"""Of those who go before us. Newcomers come a few a day where registering is dear, a few an hour where it
is cheap, so these are hours and days."""

_IMMUNITY_ENDS_S = 86_400.0  # a day is time enough to do something about it

_WHY = "Who is replaced has to pay for another registration, and earns nothing until then."
_MEND = (
    "Earn more than those before you: see `logicnet ledger` for late or failed challenges, and "
    "`logicnet bench` for a better model or solver."
)


async def look(site: Site) -> Sequence[Finding]:
    settings = site.settings
    if settings.offline:
        return [OFFLINE]
    try:
        hotkey = await site.hotkey()
    except SettingsError:
        return [unmade("Not checked: the hotkey cannot be read.", "See what is said of the wallet.")]
    try:
        survey = await site.survey()
    except ChainError:
        return [AWAY]
    seat = survey.by_hotkey.get(hotkey)
    if seat is None:
        return [
            error(
                f"The hotkey {hotkey} is not registered on subnet {settings.netuid}.",
                "Validators ask only who is registered.",
                f"Register it: {register_command(settings)}",
            )
        ]
    return [standing(survey, seat)]


def standing(survey: Survey, seat: RankedNeuron) -> Finding:
    """How safe `seat` is, in one finding."""
    better = sum(other.neuron.incentive > seat.neuron.incentive for other in survey.seats)
    said = (
        f"Registered as uid {seat.neuron.uid}, rank {better + 1} of {len(survey.seats)} by incentive "
        f"({seat.neuron.incentive:.4f})"
    )
    blocks = survey.immune_for(seat)
    if blocks:
        return _immune(survey, seat, f"{said}; cannot be replaced for {_span(blocks * survey.block_s)}.")
    order = survey.next_to_go()
    before = next((n for n, one in enumerate(order) if one is seat), None)
    if before is None:
        return ok(f"{said}; the owner's place is not given away.")
    if not survey.full:
        free = survey.places - len(survey.seats)
        return ok(f"{said}; {free} places are free, so nobody is replaced now.")
    if before < _SOON:
        who = "the next newcomer takes this place" if before == 0 else f"only {before} go before"
        return error(f"{said}; the subnet is full and {who}.", _WHY, _MEND)
    said = f"{said}; the subnet is full and {before} go before."
    return warning(said, _WHY, _MEND) if before < _NEAR else ok(said)


def _immune(survey: Survey, seat: RankedNeuron, said: str) -> Finding:
    if seat.emission > 0 or survey.immune_for(seat) * survey.block_s > _IMMUNITY_ENDS_S:
        return ok(said)
    return warning(
        f"{said} Nothing has been earned yet.", f"After that it is among the first to go. {_WHY}", _MEND
    )


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} days" if hours > 48 else f"{hours:.1f} hours"
