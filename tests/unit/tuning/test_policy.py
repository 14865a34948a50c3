"""Which jobs are taken, and in which order."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import mpmath  # sympy brings it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.tuning.estimate import Need
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.policy import (
    CLASS_GAIN,
    FamilyRecord,
    JobLimits,
    NotTaken,
    Offer,
    QueueFacts,
    RefusedOffer,
    TakenOffer,
    _beta_below,
    accept,
    priority,
    record_of,
)
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import WAIT_GAINS_S, JobStore

GB, DAY, HOUR = 10**9, 86400.0, 3600.0
NOW = 1_000_000_000.0
NEED = Need(hours=1.0, memory_bytes=4 * GB, disk_bytes=GB, measured=True)
OFFER = Offer("sft", "llama", 2.0, NEED)
LIMITS = JobLimits(frozenset({"llama", "mistral", "sdxl"}), 12.0, 3.0, 5)
FACTS = QueueFacts(NOW, 0, 0.0, 8 * GB, 50 * GB, FamilyRecord(), 0)
BAD = FamilyRecord(0.0, 6.0, True, NOW + 5 * HOUR)


def refused(offer: Offer = OFFER, limits: JobLimits = LIMITS, facts: QueueFacts = FACTS) -> RefusedOffer:
    found = accept(offer, limits, facts)
    assert isinstance(found, RefusedOffer)
    assert "\n" not in found.message
    return found


CHECKS: tuple[tuple[NotTaken, dict[str, Any], dict[str, Any], str], ...] = (
    (NotTaken.UNKNOWN_TASK, {"task": "rlhf"}, {}, "the task 'rlhf' is unknown; known are sft, pretrain"),
    (
        NotTaken.FAMILY,
        {"family": "phi"},
        {},
        "family phi are not accepted, only llama, mistral, sdxl; ACCEPTED_",
    ),
    (NotTaken.TOO_LONG, {"hours": 13.0}, {}, "13 hours are more than MAX_TEXT_TASK_HOURS allows (12)"),
    (NotTaken.QUEUE_FULL, {}, {"queued": 5}, "5 jobs wait, as many as MAX_QUEUE_SIZE allows"),
    (
        NotTaken.MEMORY,
        {},
        {"free_memory_bytes": GB},
        "about 4.0 GB of memory, 1.0 GB are free when no other job runs",
    ),
    (
        NotTaken.TOO_LATE,
        {},
        {"ahead_hours": 3.0},
        "2 hours are too few, with a quarter to spare 4.25 would do",
    ),
    (
        NotTaken.BAD_RECORD,
        {},
        {"record": BAD},
        "llama sft jobs fail here: with 95 % probability fewer than 35%",
    ),
    (NotTaken.DISK, {}, {"free_disk_bytes": GB // 2}, "about 1.0 GB of disk, 0.5 GB are free"),
)


@pytest.mark.parametrize(("reason", "offer", "facts", "says"), CHECKS)
def test_every_check_refuses_with_its_reason(reason, offer, facts, says):
    found = refused(replace(OFFER, **offer), facts=replace(FACTS, **facts))
    assert found.reason is reason
    assert says in found.message


@pytest.mark.parametrize("first", range(len(CHECKS)))
def test_the_first_check_that_fails_is_named(first):
    offer, facts = OFFER, FACTS
    for _, changed_offer, changed_facts, _ in CHECKS[first:]:
        offer, facts = replace(offer, **changed_offer), replace(facts, **changed_facts)
    assert refused(offer, facts=facts).reason is CHECKS[first][0]


def test_reasons_are_in_the_order_of_the_checks():
    assert [check[0] for check in CHECKS] == list(NotTaken)


def test_an_offer_within_all_limits_is_taken():
    assert accept(OFFER, LIMITS, FACTS) == TakenOffer(slack=(2 - 1.25) / 2)
    assert accept(replace(OFFER, hours=None), LIMITS, replace(FACTS, ahead_hours=99)) == TakenOffer(1.0)
    assert isinstance(
        accept(replace(OFFER, family="phi"), replace(LIMITS, families=frozenset()), FACTS), TakenOffer
    )


def test_pictures_have_a_limit_of_their_own():
    offer = replace(OFFER, task="image", family="sdxl", hours=4.0)
    assert "MAX_IMAGE_TASK_HOURS allows (3)" in refused(offer).message
    assert isinstance(accept(replace(offer, hours=3.0), LIMITS, FACTS), TakenOffer)


def test_without_a_limit_of_hours_the_estimate_counts():
    long = replace(OFFER, hours=None, need=replace(NEED, hours=13.0))
    assert refused(long).reason is NotTaken.TOO_LONG


def test_a_guess_is_called_one():
    offer = replace(OFFER, hours=1.0, need=replace(NEED, measured=False))
    assert "(a guess, until such a job ends here)" in refused(offer).message
    assert "guess" not in refused(replace(OFFER, hours=1.0)).message


def test_the_quantiles_of_the_design():
    assert FamilyRecord(0, 4).upper == pytest.approx(0.451, abs=5e-4)
    assert FamilyRecord(0, 3).upper == pytest.approx(0.527, abs=5e-4)
    assert FamilyRecord().upper == pytest.approx(0.95, abs=1e-6)
    assert [FamilyRecord(0, n).surely_bad for n in (0, 3, 4)] == [False, False, True]


@given(a=st.floats(1, 500), b=st.floats(1, 500), x=st.floats(0.001, 0.999))
def test_the_incomplete_beta_function_is_that_of_a_library(a, b, x):
    known = float(mpmath.betainc(a, b, 0, x, regularized=True))
    assert _beta_below(x, a, b) == pytest.approx(known, rel=1e-9, abs=1e-12)


@given(done=st.floats(0, 300), failed=st.floats(0, 300))
def test_a_bad_record_is_one_whose_quantile_is_below_a_half(done, failed):
    record = FamilyRecord(done, failed)
    if abs(record.upper - 0.5) > 1e-6:
        assert record.surely_bad == (record.upper < 0.5)
    assert 0 < record.mean < record.upper <= 1


def failures(number: int, every_s: float = HOUR) -> list[tuple[float, bool]]:
    return [(NOW + step * every_s, False) for step in range(number)]


def test_four_failures_are_bad_and_a_trial_comes_a_day_later():
    assert not record_of(failures(3), NOW + 3 * HOUR).bad
    found = record_of(failures(4), NOW + 4 * HOUR)
    assert found.bad
    assert found.next_trial_s == NOW + 3 * HOUR + DAY


def test_each_failed_trial_doubles_the_wait():
    ended, at_s = failures(4), NOW + 3 * HOUR
    for trial in range(3):
        at_s = record_of(ended, at_s).next_trial_s
        ended.append((at_s, False))
        found = record_of(ended, at_s)
        assert found.bad
        assert found.next_trial_s == at_s + DAY * 2 ** (trial + 1)


def test_one_trial_at_a_time():
    record = record_of(failures(4), NOW + 2 * DAY)
    facts = replace(FACTS, now_s=NOW + 2 * DAY, record=record)
    assert isinstance(accept(OFFER, LIMITS, facts), TakenOffer)
    found = refused(facts=replace(facts, same_pending=1))
    assert (found.reason, "one is being tried now" in found.message) == (NotTaken.BAD_RECORD, True)
    assert "tried in 22.0 hours" in refused(facts=replace(facts, now_s=NOW + 5 * HOUR)).message


def test_a_trial_that_succeeds_opens_the_family_again():
    ended = [*failures(4), (NOW + 2 * DAY, True)]
    assert not record_of(ended, NOW + 2 * DAY).bad


def test_weights_halve_every_thirty_days_and_a_bad_record_ends_by_itself():
    later = record_of(failures(4, 0.0), NOW + 30 * DAY)
    assert later.failed == pytest.approx(2.0)
    assert not later.bad
    assert record_of([(NOW, True)], NOW + 60 * DAY).done == pytest.approx(0.25)


def test_the_order_in_which_jobs_are_given_does_not_matter():
    ended = [(NOW + number * DAY, number % 3 == 0) for number in range(20)]
    assert record_of(ended, NOW + 30 * DAY) == record_of(ended[::-1], NOW + 30 * DAY)


def test_no_jobs_are_no_evidence():
    assert record_of([], NOW) == FamilyRecord(0.0, 0.0, False, DAY)
    assert FamilyRecord().mean == 0.5


def history(rng: random.Random) -> list[tuple[float, bool]]:
    """A family's jobs in four months, with a share of success of its own."""
    share = rng.choice((0.1, rng.random(), 0.8, 1.0))
    ended = [NOW - rng.random() * 120 * DAY for _ in range(rng.choice((0, 1, 3, 8, 40)))]
    return [(ended_s, rng.random() < share) for ended_s in ended]


def class_of(record: FamilyRecord) -> int:
    """Document 000's: 0 above nine in ten, 2 below a half, else 1."""
    return 0 if record.mean > 0.9 else 2 if record.mean < 0.5 else 1


def test_of_10000_random_histories_the_classes_come_out_in_their_order():
    rng = random.Random(1)
    found: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for _ in range(10_000):
        record = record_of(history(rng), NOW)
        found[class_of(record)].append(priority(record, rng.uniform(-1, 1), rng.random()))
    assert min(map(len, found.values())) > 100
    assert min(found[0]) > max(found[1])
    assert min(found[1]) > max(found[2])
    assert min(found[2]) >= 0
    assert max(found[0]) < 3 * CLASS_GAIN


def test_of_10000_random_histories_no_job_starves():
    """Twice as many jobs come as can be done; a full queue refuses some, and each that waits has its turn."""
    rng = random.Random(2)
    bound_s = 3 * CLASS_GAIN * WAIT_GAINS_S  # a job that comes later than this stays behind
    waiting: list[tuple[float, float]] = []
    at_s, passed_s, overtaken = 0.0, 0.0, 0
    for _ in range(10_000):
        record = record_of(history(rng), NOW)
        for _ in range(2):
            at_s += rng.expovariate(1 / HOUR)
            if len(waiting) < 100:
                waiting.append((priority(record, rng.random()) - at_s / WAIT_GAINS_S, at_s))
        taken = max(waiting)
        waiting.remove(taken)
        oldest_s = min((created_s for _, created_s in waiting), default=at_s)
        overtaken += taken[1] > oldest_s
        passed_s = max(passed_s, taken[1] - oldest_s)
    assert overtaken > 1000  # priority counts
    assert passed_s <= bound_s  # and waiting ends


def test_the_store_claims_in_the_order_of_priority_and_waiting(tmp_path):
    spec = TrainSpec(dataset="x", model="m", dataset_type="alpaca", file_format="json")
    records = {"expert": FamilyRecord(20, 0), "middle": FamilyRecord(3, 1), "novice": FamilyRecord(0, 3)}
    store = JobStore(tmp_path / "jobs.db")
    try:
        old_s = NOW - 3 * CLASS_GAIN * WAIT_GAINS_S
        for name, record, created_s in (
            *((name, record, NOW) for name, record in reversed(records.items())),
            ("waited", records["novice"], old_s),
        ):
            store.add(Job(name, name, spec, name, priority=priority(record, 0.5), created_s=created_s))
        order = [store.claim("w", NOW) for _ in range(4)]
    finally:
        store.close()
    assert [job.id for job in order if job] == ["waited", "expert", "middle", "novice"]
    assert all(job is not None and job.state is JobState.PREPARING for job in order)


def test_urgent_jobs_go_before_those_with_time_to_spare():
    assert priority(FamilyRecord(), 0.0) > priority(FamilyRecord(), 0.5) > priority(FamilyRecord(), 1.0)
