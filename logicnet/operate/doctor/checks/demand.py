"""Do validators ask, do they ask what the miner answers, and are the answers in time? From the ledger."""

import time
from collections.abc import Iterator, Mapping

from logicnet.errors import LedgerError, Reason
from logicnet.ledger import LedgerReader, Which, ledger_path
from logicnet.operate.doctor.context import Context, Finding, error, note, ok, warning

_SINCE_S = 86_400.0  # older requests say little about today
_QUIET_S = 3 * 3600.0  # active validators ask several times an hour
_LATEST = 200  # challenges: enough to tell 5 % late from chance
_LATE_SHARE = 0.05
_REFUSED_SHARE = 0.5
_MANY = 20  # requests in a day; port scanners make a few

_WHY = "Only answers are paid."


def check(context: Context) -> Iterator[Finding]:
    path, now_s = ledger_path(context.settings), time.time()
    last_day = Which(now_s - _SINCE_S)
    try:
        with LedgerReader.open(path) as ledger:
            latest = ledger.newest("challenges", _LATEST, last_day)
            refused = {row["reason"]: int(row["count"]) for row in ledger.refusals_by_reason(last_day)}
    except LedgerError as failure:
        if path.exists():
            yield error(
                str(failure),
                "The miner does not start without the quotas and nonces in its ledger.",
                "Move the file aside and start the miner: it begins a new one.",
            )
        else:
            yield note(f"Not checked: there is no ledger {path}.", mend="Mine for a while.", checked=False)
        return
    yield from _refusals(refused, len(latest))
    if not latest:
        yield _nothing(refused.get(Reason.UNKNOWN_SYNAPSE, 0), offline=context.settings.offline)
        return
    quiet_s = now_s - latest[0]["admitted_at_s"]
    late = sum(not row["in_time"] for row in latest if row["ended_at_s"] is not None)
    what = (
        f"The last challenge came {quiet_s / 60:.0f} minutes ago; {late} of the last {len(latest)} were late."
    )
    if late > _LATE_SHARE * len(latest):
        why = "A late answer earns nothing, a wrong one in time about 0.6."
        yield warning(what, why, "Lower --miner.epoch_volume, or see the findings of `models`.")
    elif quiet_s > _QUIET_S:
        yield warning(what, _WHY, "See the findings of `network` and `validators`.")
    else:
        yield ok(what)


def _nothing(unknown: int, *, offline: bool) -> Finding:
    """There was no challenge; `unknown` requests were for a synapse that we do not have."""
    if unknown >= _MANY:
        return warning(
            f"No challenge came in the last day, but {unknown} requests for an unknown synapse.",
            "If validators sent them, the subnet now asks what this version cannot answer.",
            "Look for a newer logicnet; its CHANGELOG lists what it answers.",
        )
    what = "No challenge came in the last day, or since the ledger was begun."
    if offline:
        return note(what)
    mend = "See the findings of `network`, `registration` and `validators`; then wait an hour."
    return warning(what, _WHY, mend)


def _refusals(refused: Mapping[str, int], answered: int) -> Iterator[Finding]:
    unverified, over = refused.get(Reason.NOT_VERIFIED, 0), refused.get(Reason.OVER_QUOTA, 0)
    if unverified >= _MANY and unverified > _REFUSED_SHARE * (answered + unverified):
        yield warning(
            f"{unverified} requests of the last day had no valid signature.",
            "If validators sent them, each was income.",
            "See the findings of `clock` and `wallet`: is it the registered hotkey?",
        )
    if over >= _MANY and over > _REFUSED_SHARE * (answered + over):
        yield note(
            f"{over} challenges of the last day exceeded the announced volume.",
            "Each could have been answered.",
            "Raise --miner.epoch_volume if the model server keeps up.",
        )
