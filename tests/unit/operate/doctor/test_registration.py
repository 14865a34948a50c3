"""Who is replaced next, and when."""

from __future__ import annotations

import pytest

from logicnet.chain import Neuron, RankedNeuron, Survey
from logicnet.operate.doctor.checks.subnet import safety
from logicnet.operate.doctor.context import Severity
from logicnet.protocol import Hotkey, Uid


def seat(uid: int, emission: float, registered_at: int = 1) -> RankedNeuron:
    return RankedNeuron(
        Neuron(Uid(uid), Hotkey(f"hotkey {uid}")), registered_at=registered_at, emission=emission
    )


def survey(*seats: RankedNeuron, places: int = 20, immunity: int = 100, owner: str = "") -> Survey:
    return Survey(
        seats, block=10_000, block_at_s=0, read_at_s=0, places=places, immunity=immunity, owner=Hotkey(owner)
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
    seats = [seat(uid, emission=uid) for uid in range(20)]
    found = safety(survey(*seats), seats[before])
    assert (found.severity, says in found.what) == (severity, True), found.what


def test_while_places_are_free_nobody_goes() -> None:
    seats = [seat(uid, emission=0) for uid in range(3)]
    found = safety(survey(*seats), seats[0])
    assert (found.severity, "17 UIDs are free" in found.what) == (Severity.OK, True)


def test_the_owners_place_is_kept() -> None:
    seats = [seat(uid, emission=uid) for uid in range(20)]
    assert safety(survey(*seats, owner="hotkey 0"), seats[0]).severity is Severity.OK


def test_immunity_that_ends_matters_to_who_earned_nothing() -> None:
    new, earning = seat(0, 0.0, registered_at=9990), seat(1, 2.0, registered_at=9990)
    full = [seat(uid, emission=1) for uid in range(2, 20)]
    soon, late = survey(new, earning, *full, immunity=300), survey(new, earning, *full, immunity=9000)
    assert safety(soon, new).severity is Severity.WARNING
    assert safety(soon, earning).severity is Severity.OK
    assert safety(late, new).severity is Severity.OK
    assert "immune to replacement for 30.0 hours" in safety(late, new).what
