"""Who is replaced next, and when."""

from __future__ import annotations

import pytest

from logicnet.chain import Neuron, RankedNeuron, SubnetSnapshot
from logicnet.operate.doctor.checks.subnet import safety
from logicnet.operate.doctor.context import Severity
from logicnet.protocol import Hotkey, Uid


def ranked(uid: int, emission: float, registered_at: int = 1) -> RankedNeuron:
    return RankedNeuron(
        Neuron(Uid(uid), Hotkey(f"hotkey {uid}")), registered_at=registered_at, emission=emission
    )


def snapshot(
    *neurons: RankedNeuron, max_uids: int = 20, immunity_period: int = 100, owner: str = ""
) -> SubnetSnapshot:
    return SubnetSnapshot(
        neurons,
        block=10_000,
        block_at_s=0,
        read_at_s=0,
        max_uids=max_uids,
        immunity_period=immunity_period,
        owner=Hotkey(owner),
    )


@pytest.mark.parametrize(
    ("before", "severity", "says"),
    [
        (0, Severity.ERROR, "the next registration replaces it"),
        (2, Severity.ERROR, "2 are replaced before it"),
        (3, Severity.WARNING, "3 are replaced before it"),
        (12, Severity.OK, "12 are replaced before it"),
    ],
)
def test_the_fewer_go_before_us_the_worse(before: int, severity: Severity, says: str) -> None:
    neurons = [ranked(uid, emission=uid) for uid in range(20)]
    found = safety(snapshot(*neurons), neurons[before])
    assert (found.severity, says in found.what) == (severity, True), found.what


def test_while_places_are_free_nobody_goes() -> None:
    neurons = [ranked(uid, emission=0) for uid in range(3)]
    found = safety(snapshot(*neurons), neurons[0])
    assert (found.severity, "17 UIDs are free" in found.what) == (Severity.OK, True)


def test_the_owners_place_is_kept() -> None:
    neurons = [ranked(uid, emission=uid) for uid in range(20)]
    assert safety(snapshot(*neurons, owner="hotkey 0"), neurons[0]).severity is Severity.OK


def test_immunity_that_ends_matters_to_who_earned_nothing() -> None:
    new, earning = ranked(0, 0.0, registered_at=9990), ranked(1, 2.0, registered_at=9990)
    full = [ranked(uid, emission=1) for uid in range(2, 20)]
    soon, late = (
        snapshot(new, earning, *full, immunity_period=300),
        snapshot(new, earning, *full, immunity_period=9000),
    )
    assert safety(soon, new).severity is Severity.WARNING
    assert safety(soon, earning).severity is Severity.OK
    assert safety(late, new).severity is Severity.OK
    assert "immune to replacement for 30.0 hours" in safety(late, new).what
