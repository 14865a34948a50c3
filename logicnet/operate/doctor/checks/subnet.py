"""Does a node of the chain reply, is the subnet alive, and how safe is the miner's place in it?"""

from logicnet.chain import REPLACED_NEAR, REPLACED_SOON, RankedNeuron, SubnetSnapshot
from logicnet.chain.build import register_command
from logicnet.chain.subtensor import where
from logicnet.errors import ChainError
from logicnet.operate.doctor.context import Context, Finding, Offline, error, ok, warning


async def chain(context: Context) -> Finding:
    settings = context.settings
    try:
        snapshot = await context.snapshot()
    except Offline:
        raise
    except ChainError as failure:
        return error(
            str(failure),
            "Without a metagraph a restarted miner refuses everybody, and its address is not published.",
            "Check this machine's network; name another node with --subtensor.network wss://...",
        )
    count = len(snapshot.neurons)
    return ok(
        f"{where(settings.subtensor.network)} replies: block {snapshot.block}, runtime {snapshot.runtime}, "
        f"subnet {settings.netuid} with {count} neuron{'' if count == 1 else 's'}."
    )


_IMMUNITY_ENDS_S = 86_400.0  # a day is enough to improve the miner

_WHY = "A replaced miner has to pay for another registration, and earns nothing until then."
_MEND = (
    "Earn more than those before you: see `logicnet ledger` for late or failed challenges, and "
    "`logicnet bench` for a better model or solver."
)


async def registration(context: Context) -> Finding:
    snapshot = await context.snapshot()
    hotkey = await context.hotkey()
    ranked = snapshot.by_hotkey.get(hotkey)
    if ranked is None:
        return error(
            f"The hotkey {hotkey} is not registered on subnet {context.settings.netuid}.",
            "Validators ask registered miners only.",
            f"Register it: {register_command(context.settings)}",
        )
    return safety(snapshot, ranked)


def safety(snapshot: SubnetSnapshot, ranked: RankedNeuron) -> Finding:
    """How safe `ranked` is from being replaced."""
    better = sum(other.neuron.incentive > ranked.neuron.incentive for other in snapshot.neurons)
    what = (
        f"Registered as uid {ranked.neuron.uid}, rank {better + 1} of {len(snapshot.neurons)} by incentive "
        f"({ranked.neuron.incentive:.4f})"
    )
    immune_s = snapshot.immune_for(ranked) * snapshot.block_s
    if immune_s:
        hours = immune_s / 3600
        immune = f"{hours / 24:.1f} days" if hours > 48 else f"{hours:.1f} hours"
        what = f"{what}; immune to replacement for {immune}."
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
    if before >= REPLACED_NEAR:
        return ok(what)
    return (error if before < REPLACED_SOON else warning)(what, _WHY, _MEND)


_ENOUGH_STAKE = 0.5  # of the validators' stake: with less, most of the emission does not move


async def validators(context: Context) -> Finding:
    return alive(await context.snapshot(), context.settings.netuid)


def alive(snapshot: SubnetSnapshot, netuid: int) -> Finding:
    """Whether validators set weights, and with how much of the stake."""
    permitted = [ranked for ranked in snapshot.neurons if ranked.neuron.validator_permit]
    if not permitted:
        return error(
            f"Subnet {netuid} has no validator with a permit.",
            "Nobody asks, nobody scores, nothing is paid.",
            "Check --netuid; a subnet without validators is dead.",
        )
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
        return error(what, why, "Ask in the subnet's channel, and stop renting a GPU until weights are set.")
    if share < _ENOUGH_STAKE:
        why = "Validators with little stake move little of the emission."
        return warning(what, why, "Watch it for a day; stop renting if it stays so.")
    return ok(what)
