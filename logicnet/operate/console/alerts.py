"""What needs attention in a snapshot, each with what mends it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from logicnet.chain import REPLACED_NEAR, REPLACED_SOON
from logicnet.operate.console.snapshot import Alert, Level, Snapshot, down, reason, span

NETWORK_OLD_S = 600.0
_ENOUGH = 5  # answers or challenges; a share of fewer means little
_MISSED_SHARE = 0.05
_FAILED_SHARE = 0.25
_SLOW_SHARE = 0.75  # of the time allowed, for the median answer
_URGENT = 0.2  # share of a challenge's time that is left ...
_URGENT_SHARE = 0.5  # ... for half of the challenges in flight

_IMMUNITY_ENDS_S = 86_400.0  # a day is enough to improve the miner

_ORDER = {"bad": 0, "warning": 1, "note": 2}
_OWN_REFUSALS = {
    "broken": "A bug in logicnet. The log has the traceback: please report it.",
    "full": "Raise --miner.max_in_flight if the model server has room, else lower --miner.epoch_volume.",
    "no_metagraph": "The chain was not reached. See the log; name another node with --subtensor.network.",
}
_LESS = "Lower --miner.epoch_volume"


def alerts(now: Snapshot, damaged: Iterable[str] = ()) -> tuple[Alert, ...]:
    """The worst first. `damaged` are the names of damaged ledgers that the miner has put aside."""
    found = [
        *_ledger(now, damaged),
        *_miner(now),
        *_answers(now),
        *_refusals(now),
        *_volume(now),
        *_servers(now),
        *_machine(now),
        *_network(now),
        *_standing(now),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER[one.level]))


def _ledger(now: Snapshot, damaged: Iterable[str]) -> Iterator[Alert]:
    if error := now.ledger_error:
        mend = "It is read again every second."
        if "not a database" in error or "malformed" in error:
            mend = "Restart the miner: it keeps the damaged file under another name, and begins a new one."
        elif "locked" in error:
            mend = f"Another program holds it. {mend}"
        yield Alert("bad" if now.miner else "warning", error, mend, "ledger")
    for name in damaged:
        yield Alert(
            "note",
            f"An earlier ledger was damaged and is kept as {name}.",
            "Delete or move the file.",
            f"damaged {name}",
        )
    if now.miner is None:
        return
    if now.miner.ledger_away:
        yield Alert(
            "bad",
            f"The ledger cannot be written; {now.miner.rows_waiting} rows wait in memory.",
            f"Free the disk, or end the program that locks {now.ledger}.",
            "ledger away",
        )
    if lost := now.miner.rows_lost:
        yield Alert(
            "warning",
            f"{lost} rows of the ledger were lost since the start.",
            "See the miner's log.",
            "rows lost",
        )


def _miner(now: Snapshot) -> Iterator[Alert]:
    if now.miner is None:
        restart = f"`npx pm2 restart {now.app}`" if now.app else "restart its app (`npx pm2 list` names it)"
        yield Alert(
            "bad",
            f"No miner that writes {now.ledger} can be reached on this machine.",
            f"Start it: `logicnet mine`, or {restart}; then see its log.",
            "miner",
        )
        return
    urgent = sum(one.left_s < _URGENT * one.allowed_s for one in now.solving)
    if len(now.solving) >= _ENOUGH and urgent > _URGENT_SHARE * len(now.solving):
        yield Alert(
            "warning",
            f"{urgent} of {len(now.solving)} challenges in flight have little time left.",
            f"The model is too slow for this load. {_LESS}, or add an endpoint.",
            "little time",
        )
    if waiting := now.miner.waiting:
        yield Alert(
            "warning",
            f"{waiting} challenges wait because {now.miner.max_in_flight} are in flight.",
            "Raise --miner.max_in_flight if the model server has room.",
            "waiting",
        )


def _answers(now: Snapshot) -> Iterator[Alert]:
    total = len(now.answers)
    if total < _ENOUGH:
        return
    missed = total - now.in_time
    if missed > _MISSED_SHARE * total:
        yield Alert(
            "bad",
            f"{missed} of {total} answers of the last hour were not in time and earn nothing.",
            f"{_LESS}, or make the model faster.",
            "not in time",
        )
    outcomes = Counter(one.outcome for one in now.answers)
    failed = outcomes["failed"] + outcomes["late"] + outcomes["waited"]
    if failed > _FAILED_SHARE * total:
        error = next((one.error for one in now.answers if one.error), "")
        yield Alert(
            "warning",
            f"{failed} of {total} answers of the last hour are fallbacks: time was up, or the model failed.",
            f"The last error: {error}." if error else "See the miner's log.",
            "fallbacks",
        )
    shares = sorted(one.seconds / one.allowed_s for one in now.answers if one.allowed_s > 0)
    if shares and shares[len(shares) // 2] > _SLOW_SHARE:
        yield Alert(
            "warning",
            "Half of the answers take more than three quarters of their time.",
            f"With more load they will be late. {_LESS}, or add an endpoint.",
            "slow",
        )


def _refusals(now: Snapshot) -> Iterator[Alert]:
    chain_is_back = now.miner is not None and now.miner.network is not None
    for one in now.refusals:
        if one.reason in _OWN_REFUSALS and not (one.reason == "no_metagraph" and chain_is_back):
            times = "once" if one.count == 1 else f"{one.count} times"
            yield Alert(
                "bad" if one.reason == "broken" else "warning",
                f"Refused {times} in the last hour: {one.reason}.",
                _OWN_REFUSALS[one.reason],
                f"refused {one.reason}",
            )


def _volume(now: Snapshot) -> Iterator[Alert]:
    solving = Counter(one.validator for one in now.solving)
    lost = {one.validator: max(0, one.given - one.kept - solving[one.validator]) for one in now.volumes}
    given = sum(one.given for one in now.volumes)
    if given >= _ENOUGH and sum(lost.values()) > _MISSED_SHARE * given:
        worst = max(lost, key=lambda validator: lost[validator])
        yield Alert(
            "bad",
            f"{sum(lost.values())} of {given} challenges got no answer in time, most of {worst[:8]}.",
            f"{_LESS}: `logicnet volume advise` measures how much the machine keeps.",
            "volume",
        )


def _servers(now: Snapshot) -> Iterator[Alert]:
    broken = [one for one in now.servers if not one.healthy]
    everyone = len(broken) == len(now.servers)
    mend = (
        "Repair it: without a model most answers are wrong."
        if everyone
        else "Repair it. The other servers do its work meanwhile."
    )
    for one in broken:
        what = f"The model server {one.name} is {down(one, now.at_s)}: {reason(one)}."
        yield Alert("bad" if everyone else "warning", what, mend, f"server {one.name}")


def _machine(now: Snapshot) -> Iterator[Alert]:
    for one in now.machine.gpus:
        if one.error:
            mend = "See nvidia-smi and dmesg: one that fell off the bus needs a restart of the machine."
            yield Alert("bad", f"GPU {one.index} cannot be read: {one.error}.", mend, f"gpu {one.index}")
        elif one.slowed:
            yield Alert(
                "warning",
                f"GPU {one.index} slows itself down: {', '.join(one.slowed)}, {one.degrees} degrees.",
                "Improve its cooling, or lower its power limit: sudo nvidia-smi -pl WATTS.",
                f"gpu {one.index}",
            )


_REPLACED = "A replaced miner pays for another registration. See `logicnet doctor` for what to improve."


def _standing(now: Snapshot) -> Iterator[Alert]:
    if now.miner is None or (standing := now.miner.standing) is None or standing.free:
        return
    if (before := standing.replaced_before) is not None and before < REPLACED_NEAR:
        order = f"{before} neurons are replaced before this one" if before else "this neuron is replaced next"
        level: Level = "bad" if before < REPLACED_SOON else "warning"
        yield Alert(level, f"The subnet is full, and {order}.", _REPLACED, "replaced")
    elif 0 < standing.immune_s < _IMMUNITY_ENDS_S and not standing.alpha_a_day:
        what = f"Nothing is earned yet, and the immunity ends in {span(standing.immune_s)}."
        yield Alert("warning", what, _REPLACED, "immunity")


def _network(now: Snapshot) -> Iterator[Alert]:
    if (miner := now.miner) is None:
        return
    if miner.network is None:
        yield Alert(
            "bad",
            "Every request is refused: no metagraph was read yet.",
            "See the miner's log for the error of the chain.",
            "no metagraph",
        )
        return
    if miner.network.uid is None:
        yield Alert(
            "bad",
            "No validator asks: the hotkey is not registered on this subnet.",
            "Register it with `btcli subnets register` (the log has the whole command); with --offline, add "
            "it to --chain.file.",
            "not registered",
        )
    if miner.network_age_s > NETWORK_OLD_S:
        yield Alert(
            "warning",
            f"The metagraph in use is {miner.network_age_s / 60:.0f} minutes old.",
            "The chain is not reached, so new validators and stakes are missed. See the miner's log.",
            "old metagraph",
        )
