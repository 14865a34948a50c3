from dataclasses import replace

import pytest

from logicnet.operate.console.alerts import alerts
from logicnet.operate.console.snapshot import CurrentChallenge, FinishedChallenge, Refusals, Snapshot
from logicnet.operate.telemetry.state import ModelServerState
from tests.unit.operate.console.scenes import NOW_S, state, volume


def seen(**more: object) -> Snapshot:
    miner = state("/l.sqlite")  # type: ignore[arg-type]
    given = {"at_s": NOW_S, "ledger": "/l.sqlite", "miner": miner, "servers": tuple(miner.servers)}
    return Snapshot(**(given | more))  # type: ignore[arg-type]


def with_miner(**more: object) -> Snapshot:
    miner = state("/l.sqlite", **more)  # type: ignore[arg-type]
    return seen(miner=miner)


def answer(number: int = 0, **more: object) -> FinishedChallenge:
    given = {"outcome": "solved", "seconds": 2.0, "allowed_s": 60.0, "in_time": True} | more
    return FinishedChallenge(str(number), NOW_S, "q", "a", **given)  # type: ignore[arg-type]


def test_all_is_well() -> None:
    assert alerts(seen(volumes=(volume(),), answers=tuple(map(answer, range(10))))) == ()


LATE = answer(in_time=False, outcome="late", error="out of time")
URGENT = tuple(CurrentChallenge(str(n), "5A", "", 5.0, 60.0) for n in range(8))


@pytest.mark.parametrize(
    ("snapshot", "level", "word"),
    [
        (seen(miner=None), "bad", "No miner that writes /l.sqlite"),
        (seen(ledger_error="The ledger is locked"), "bad", "locked"),
        (seen(answers=(*map(answer, range(8)), LATE, LATE)), "bad", "2 of 10 answers"),
        (seen(answers=tuple(answer(n, outcome="failed") for n in range(8))), "warning", "fallbacks"),
        (seen(answers=tuple(answer(n, seconds=50.0) for n in range(8))), "warning", "three quarters"),
        (seen(refusals=(Refusals("broken", 1, ""),)), "bad", "Refused once"),
        (seen(refusals=(Refusals("full", 3, ""),)), "warning", "Refused 3 times"),
        (seen(volumes=(volume(given=40, kept=30),)), "bad", "10 of 40 challenges"),
        (seen(servers=(ModelServerState(name="s", healthy=False, error="it is away"),)), "bad", "it is away"),
        (seen(solving=URGENT), "warning", "8 of 8 challenges"),
        (with_miner(waiting=3), "warning", "3 challenges wait"),
        (with_miner(ledger_away=True, rows_waiting=7), "bad", "7 rows wait"),
        (with_miner(rows_lost=2), "warning", "2 rows"),
        (with_miner(network=None), "bad", "no metagraph"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(snapshot: Snapshot, level: str, word: str) -> None:
    (first, *_) = alerts(snapshot)
    assert first.level == level and word in first.what
    assert first.mend.endswith(".")


def test_a_server_that_is_out_is_named_once_with_since_when() -> None:
    why = "the model server at 10.0.0.8:8000 cannot be reached (is it running?)"
    name = "10.0.0.8:8000 big"  # two models are there
    away = ModelServerState(name=name, healthy=False, error=why, down_since_s=NOW_S - 12.0)
    (found,) = alerts(seen(servers=(ModelServerState(name="s", healthy=True), away)))
    assert found.level == "warning"
    since = "down since 01:46:28, for 12 s"
    assert found.what == f"The model server {name} is {since}: it cannot be reached (is it running?)."


def test_the_worst_comes_first_and_what_was_kept_aside_last() -> None:
    snapshot = seen(refusals=(Refusals("full", 3, ""), Refusals("broken", 1, "")))
    found = alerts(snapshot, ["l.sqlite.damaged-1"])
    assert [one.level for one in found] == ["bad", "warning", "note"]


def test_what_others_did_wrong_is_no_concern_of_ours() -> None:
    assert alerts(seen(refusals=(Refusals("not_verified", 900, ""),))) == ()


def test_not_registered_and_an_old_metagraph() -> None:
    miner = state("/l.sqlite")  # type: ignore[arg-type]
    assert miner.network is not None
    network = replace(miner.network, uid=None, rank=None)
    found = alerts(with_miner(network=network, network_age_s=1200.0))
    assert [one.level for one in found] == ["bad", "warning"]
    assert "not registered" in found[0].what and "20 minutes old" in found[1].what
