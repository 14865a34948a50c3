"""What needs attention, from a snapshot alone: each thing with what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from logicnet.operate.console.snapshot import Concern, Level, Snapshot
from logicnet.operate.console.words import out, reason

NETWORK_OLD_S = 600.0
_ENOUGH = 5
"""Answers from which on a share says something."""

_MISSED_SHARE = 0.05
_FAILED_SHARE = 0.25
_SLOW_SHARE = 0.75  # of the time allowed, at the median
_HURRIED = 0.2  # of a challenge's time left ...
_HURRIED_SHARE = 0.5  # ... for half of what is in flight

_ORDER = {"bad": 0, "warning": 1, "note": 2}
_OURS_TO_MEND = {
    "broken": "a bug of ours: look into the log for what broke",
    "full": "more comes than fits: raise --miner.max_in_flight if the model has room, else promise less",
    "no_metagraph": "the chain was not reached: see --subtensor.network and the log",
}


def concerns(seen: Snapshot, kept_aside: Iterable[str] = ()) -> tuple[Concern, ...]:
    """The worst first. `kept_aside` are names of damaged ledgers beside this one."""
    found = [
        *_ledger(seen, kept_aside),
        *_miner(seen),
        *_answers(seen),
        *_refusals(seen),
        *_volume(seen),
        *_servers(seen),
        *_network(seen),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER[one.level]))


def _ledger(seen: Snapshot, kept_aside: Iterable[str]) -> Iterator[Concern]:
    if seen.ledger_trouble:
        yield Concern("bad" if seen.miner else "warning", seen.ledger_trouble, _mend_ledger(seen))
    for name in kept_aside:
        yield Concern(
            "note",
            f"An earlier ledger was damaged and is kept as {name}.",
            "Move it away once it is of no use.",
        )
    if (miner := seen.miner) is None:
        return
    if miner.ledger_away:
        yield Concern(
            "bad",
            f"The ledger cannot be written; {miner.rows_waiting} rows wait in memory.",
            "Free the disk, or end whoever holds the file locked.",
        )
    if miner.rows_lost:
        yield Concern(
            "warning",
            f"{miner.rows_lost} rows of the ledger were lost since the start.",
            "See the log for why.",
        )


def _mend_ledger(seen: Snapshot) -> str:
    said = seen.ledger_trouble
    if "not a database" in said or "malformed" in said:
        return "It is left as it is: a miner that meets it keeps it under another name, and begins anew."
    if "locked" in said:
        return "Another program holds it; it is looked at again all the time."
    return "It is looked at again all the time."


def _miner(seen: Snapshot) -> Iterator[Concern]:
    if seen.miner is None:
        yield Concern(
            "bad",
            "No miner of this ledger is running here, or its admin port is not reached.",
            "Start it: `logicnet mine`, or `pm2 restart sn35-miner`; see its log.",
        )
        return
    hurried = [one for one in seen.solving if one.left_s < _HURRIED * one.allowed_s]
    if len(seen.solving) >= _ENOUGH and len(hurried) > _HURRIED_SHARE * len(seen.solving):
        yield Concern(
            "warning",
            f"{len(hurried)} of {len(seen.solving)} challenges in flight have little time left.",
            "The model is too slow for this load: promise less, or add an endpoint.",
        )
    if seen.miner.waiting:
        yield Concern(
            "warning",
            f"{seen.miner.waiting} challenges wait for a place.",
            "Raise --miner.max_in_flight if the model has room for more.",
        )


def _answers(seen: Snapshot) -> Iterator[Concern]:
    total = len(seen.answers)
    if total < _ENOUGH:
        return
    missed = total - seen.in_time
    if missed > _MISSED_SHARE * total:
        yield Concern(
            "bad",
            f"{missed} of {total} answers of the last hour were not in time: they earn nothing.",
            "Promise less, or make the model faster.",
        )
    outcomes = Counter(one.outcome for one in seen.answers)
    failed = outcomes["failed"] + outcomes["late"] + outcomes["waited"]
    if failed > _FAILED_SHARE * total:
        error = next((one.error for one in seen.answers if one.error), "")
        yield Concern(
            "warning",
            f"{failed} of {total} answers of the last hour are what was left when time or model gave out.",
            f"The last reason: {error}." if error else "See the log for why.",
        )
    shares = sorted(one.seconds / one.allowed_s for one in seen.answers if one.allowed_s > 0)
    if shares and shares[len(shares) // 2] > _SLOW_SHARE:
        yield Concern(
            "warning",
            "Half of the answers take three quarters of their time or more.",
            "The next rise in load makes them late: promise less, or add an endpoint.",
        )


def _refusals(seen: Snapshot) -> Iterator[Concern]:
    for one in seen.refusals:
        reached = seen.miner is not None and seen.miner.network is not None
        if one.reason in _OURS_TO_MEND and not (one.reason == "no_metagraph" and reached):  # by now
            level: Level = "warning" if one.reason != "broken" else "bad"
            times = "once" if one.count == 1 else f"{one.count} times"
            mend = _OURS_TO_MEND[one.reason]
            yield Concern(
                level, f"Refused {times} within the hour: {one.reason}.", mend[0].upper() + mend[1:] + "."
            )


def _volume(seen: Snapshot) -> Iterator[Concern]:
    solving = Counter(one.validator for one in seen.solving)
    lost = {one.validator: max(0, one.given - one.kept - solving[one.validator]) for one in seen.promises}
    given = sum(one.given for one in seen.promises)
    if given >= _ENOUGH and sum(lost.values()) > _MISSED_SHARE * given:
        whose = max(lost, key=lambda validator: lost[validator])
        yield Concern(
            "bad",
            f"{sum(lost.values())} of {given} challenges given were not kept, most of {whose[:8]}.",
            "Promise less: see --miner.epoch_volume.",
        )


def _servers(seen: Snapshot) -> Iterator[Concern]:
    away = [one for one in seen.servers if not one.well]
    for one in away:
        all_out = len(away) == len(seen.servers)
        yield Concern(
            "bad" if all_out else "warning",
            f"The model server {one.name} is {out(one, seen.at_s)}: {reason(one)}.",
            "Answers go out all the same, most of them wrong: mend it."
            if all_out
            else "The others do its work meanwhile.",
        )


def _network(seen: Snapshot) -> Iterator[Concern]:
    if seen.miner is None:
        return
    network = seen.miner.network
    if network is None:
        yield Concern(
            "bad",
            "There was no metagraph yet, so nobody is admitted.",
            "See the log for what the chain said.",
        )
        return
    if network.uid is None:
        yield Concern(
            "bad",
            "Our hotkey is not registered on this subnet, so nobody asks.",
            "Register it with `btcli subnets register` (the log has the whole command), or, with --offline, "
            "put it into --chain.file.",
        )
    if network.age_s > NETWORK_OLD_S:
        yield Concern(
            "warning",
            f"The metagraph in force is {network.age_s / 60:.0f} minutes old.",
            "The chain is away; new validators and stakes are not seen until it is back.",
        )
