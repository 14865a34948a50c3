"""Does a node of the chain reply, is the subnet alive, and how safe is the miner's place in it?"""

from logicnet.chain import RankedNeuron, Survey
from logicnet.chain.build import register_command
from logicnet.chain.subtensor import where
from logicnet.errors import ChainError
from logicnet.operate.doctor.context import Context, Finding, Offline, error, ok, warning


async def chain(context: Context) -> Finding:
    settings = context.settings
    try:
        survey = await context.survey()
    except Offline:
        raise
    except ChainError as failure:
        return error(
            str(failure),
            "Without a metagraph a restarted miner refuses everybody, and its address is not published.",
            "Check this machine's network; name another node with --subtensor.network wss://...",
        )
    count = len(survey.seats)
    return ok(
        f"{where(settings.subtensor.network)} replies: block {survey.block}, runtime {survey.runtime}, "
        f"subnet {settings.netuid} with {count} neuron{'' if count == 1 else 's'}."
    )


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


async def registration(context: Context) -> Finding:
    survey = await context.survey()
    hotkey = await context.hotkey()
    seat = survey.by_hotkey.get(hotkey)
    if seat is None:
        return error(
            f"The hotkey {hotkey} is not registered on subnet {context.settings.netuid}.",
            "Validators ask registered miners only.",
            f"Register it: {register_command(context.settings)}",
        )
    return safety(survey, seat)


def safety(survey: Survey, seat: RankedNeuron) -> Finding:
    """How safe `seat` is from being replaced."""
    better = sum(other.neuron.incentive > seat.neuron.incentive for other in survey.seats)
    what = (
        f"Registered as uid {seat.neuron.uid}, rank {better + 1} of {len(survey.seats)} by incentive "
        f"({seat.neuron.incentive:.4f})"
    )
    immune_s = survey.immune_for(seat) * survey.block_s
    if immune_s:
        hours = immune_s / 3600
        immune = f"{hours / 24:.1f} days" if hours > 48 else f"{hours:.1f} hours"
        what = f"{what}; immune to replacement for {immune}."
        if seat.emission > 0 or immune_s > _IMMUNITY_ENDS_S:
            return ok(what)
        why = f"After that it is among the first to be replaced. {_WHY}"
        return warning(f"{what} Nothing has been earned yet.", why, _MEND)
    before = next((number for number, one in enumerate(survey.next_to_go()) if one is seat), None)
    if before is None:
        return ok(f"{what}; the neuron of the subnet's owner is never replaced.")
    if not survey.full:
        free = survey.places - len(survey.seats)
        return ok(f"{what}; {free} UIDs are free, so nobody is replaced now.")
    order = f"{before} are replaced before it" if before else "the next registration replaces it"
    what = f"{what}; the subnet is full and {order}."
    if before >= _NEAR:
        return ok(what)
    return (error if before < _SOON else warning)(what, _WHY, _MEND)


_ENOUGH_STAKE = 0.5  # of the validators' stake: with less, most of the emission does not move


async def validators(context: Context) -> Finding:
    survey = await context.survey()
    permitted = [seat for seat in survey.seats if seat.neuron.validator_permit]
    if not permitted:
        return error(
            f"Subnet {context.settings.netuid} has no validator with a permit.",
            "Nobody asks, nobody scores, nothing is paid.",
            "Check --netuid; a subnet without validators is dead.",
        )
    active = [seat for seat in permitted if seat.active]
    stake = sum(seat.neuron.stake for seat in permitted)
    share = sum(seat.neuron.stake for seat in active) / stake if stake else 0.0
    ago_s = survey.block_s * (survey.block - max(seat.last_update for seat in permitted))
    what = (
        f"{len(active)} of {len(permitted)} validators set weights recently, the last {ago_s / 60:.0f} min "
        f"ago; they hold {share:.0%} of {stake:,.0f} alpha of stake."
    )
    if not active:
        why = "Without weights nothing is paid, however good the answers."
        return error(what, why, "Ask in the subnet's channel, and stop renting a GPU until weights are set.")
    if share < _ENOUGH_STAKE:
        why = "Validators with little stake move little of the emission."
        return warning(what, why, "Watch it for a day; stop renting if it stays so.")
    return ok(what)
