from dataclasses import asdict

from logicnet.errors import Reason
from logicnet.events import Announced, EpochCount, NonceAccepted
from logicnet.operate.telemetry.meter import MOST_IN_FLIGHT, MOST_VALIDATORS, Meter, ValidatorVolume
from logicnet.protocol import Hotkey
from tests.unit.ledger.facts import ALICE, BOB, admitted, answered, epoch, hung_up, refused, shadowed


def volume(epoch: EpochCount, kept: int) -> ValidatorVolume:
    return ValidatorVolume(**asdict(epoch), kept=kept)


def told(*events: object) -> Meter:
    meter = Meter()
    for event in events:
        meter(event)  # type: ignore[arg-type]
    return meter


def test_what_is_in_flight_comes_the_most_urgent_first_and_leaves_with_its_answer() -> None:
    meter = told(
        admitted("slow", epoch(1)),
        admitted("fast", epoch(2), allowed_s=20.0),
        admitted("gone", epoch(3)),
        hung_up("gone"),
        admitted("done", epoch(4)),
        answered("done"),
    )
    assert [(one.challenge_id, one.ends_at_s) for one in meter.solving(710.0)] == [
        ("fast", 720.0),
        ("slow", 760.0),
    ]


def test_a_challenge_that_never_ends_is_not_in_flight_for_ever() -> None:
    meter = told(admitted("broken", epoch(1)))
    assert [one.challenge_id for one in meter.solving(789.0)] == ["broken"]
    assert meter.solving(790.0) == []
    for number in range(MOST_IN_FLIGHT + 5):
        meter(admitted(f"more {number}", epoch(1)))
    assert len(meter.in_flight) == MOST_IN_FLIGHT


def test_answers_are_counted_by_outcome_and_by_whether_the_caller_was_still_there() -> None:
    meter = told(
        *(admitted(name, epoch(1), allowed_s=40.0) for name in "abcd"),
        answered("a", seconds=2.5),
        answered("b", seconds=40.9, outcome="late"),
        answered("c", seconds=41.1, outcome="late"),
        hung_up("d"),
        answered("of before the start"),
    )
    assert meter.answers == {
        ("solved", True): 1,
        ("late", True): 1,
        ("late", False): 1,
        ("hung_up", False): 1,
        ("solved", False): 1,
    }
    assert sum(meter.buckets) == 4
    assert meter.seconds == 2.5 + 40.9 + 41.1 + 2.5


def test_volume_is_what_was_announced_and_what_of_it_was_kept_in_this_epoch() -> None:
    meter = told(
        Announced(600.0, epoch()),
        admitted("a", epoch(1)),
        admitted("b", epoch(2)),
        answered("a"),
        refused(Reason.OVER_QUOTA, of=epoch(2, 1)),
        admitted("c", epoch(1, validator=BOB)),
    )
    assert meter.volumes() == [volume(epoch(2, 1), 1), volume(epoch(1, validator=BOB), 0)]
    assert meter.refusals == {Reason.OVER_QUOTA: 1}
    meter(Announced(1200.0, epoch(began=1200.0)))
    meter(answered("b"))  # of the epoch before
    assert meter.volumes()[-1] == volume(epoch(began=1200.0), 0)


def test_what_was_kept_before_a_restart_counts_on() -> None:
    meter = Meter([(epoch(5), 4)])
    meter(admitted("a", epoch(6)))
    meter(answered("a"))
    assert meter.volumes() == [volume(epoch(6), 5)]


def test_validators_are_told_apart_up_to_a_bound_the_oldest_goes() -> None:
    meter = told(Announced(0.0, epoch()), Announced(0.0, epoch(validator=BOB)))
    for number in range(MOST_VALIDATORS - 1):
        meter(Announced(0.0, epoch(validator=Hotkey(f"5V{number}"))))
    known = [one.validator for one in meter.volumes()]
    assert len(known) == MOST_VALIDATORS
    assert ALICE not in known and BOB in known


def test_what_is_no_challenge_is_passed_over() -> None:
    meter = told(NonceAccepted("classic:5F:1", 7), shadowed("a"))
    assert (meter.answers, meter.in_flight) == ({}, {})
