"""Who is replaced next, and when."""

from __future__ import annotations

import pytest

from logicnet.chain import Neuron, RankedNeuron, Survey
from logicnet.operate.doctor import Severity
from logicnet.operate.doctor.place import standing
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
        (0, Severity.ERROR, "the next newcomer takes this place"),
        (2, Severity.ERROR, "only 2 go before"),
        (3, Severity.WARNING, "3 go before"),
        (12, Severity.OK, "12 go before"),
    ],
)
def test_the_fewer_go_before_us_the_worse(before: int, severity: Severity, says: str) -> None:
    seats = [seat(uid, emission=uid) for uid in range(20)]
    found = standing(survey(*seats), seats[before])
    assert (found.severity, says in found.what) == (severity, True), found.what


def test_while_places_are_free_nobody_goes() -> None:
    seats = [seat(uid, emission=0) for uid in range(3)]
    found = standing(survey(*seats), seats[0])
    assert (found.severity, "17 places are free" in found.what) == (Severity.OK, True)


def test_the_owners_place_is_kept() -> None:
    seats = [seat(uid, emission=uid) for uid in range(20)]
    assert standing(survey(*seats, owner="hotkey 0"), seats[0]).severity is Severity.OK


def test_immunity_that_ends_matters_to_who_earned_nothing() -> None:
    new, earning = seat(0, 0.0, registered_at=9990), seat(1, 2.0, registered_at=9990)
    full = [seat(uid, emission=1) for uid in range(2, 20)]
    soon, late = survey(new, earning, *full, immunity=300), survey(new, earning, *full, immunity=9000)
    assert standing(soon, new).severity is Severity.WARNING
    assert standing(soon, earning).severity is Severity.OK
    assert standing(late, new).severity is Severity.OK
    assert "cannot be replaced for 30.0 hours" in standing(late, new).what
