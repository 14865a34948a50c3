"""Busy or stuck: judged by what moved, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.vllm.health import HealthPolicy, HealthVerdict, Observation, ProbeOutcome


def policy() -> HealthPolicy:
    return HealthPolicy(0.0, idle_s=30.0, loaded_s=60.0)


def look(
    at_s: float, probe: ProbeOutcome = ProbeOutcome.LATE, tokens: float | None = 5.0, running: float = 0.0
) -> Observation:
    return Observation(at_s, probe, tokens, running)


def test_an_answered_probe_is_well_whatever_the_counters_say():
    judged = policy()
    assert {judged.observe(look(at, ProbeOutcome.ANSWERED)) for at in (0.0, 100.0, 200.0)} == {
        HealthVerdict.WELL
    }


def test_a_late_probe_under_a_burst_is_busy_while_tokens_are_counted():
    judged = policy()
    judged.observe(look(0.0, ProbeOutcome.ANSWERED, 0.0))
    for at in range(10, 600, 10):
        assert judged.observe(look(float(at), tokens=float(at), running=64)) is HealthVerdict.BUSY


def test_silence_without_work_is_stuck_sooner_than_under_load():
    idle, loaded = policy(), policy()
    verdicts = [
        [judged.observe(look(float(at), running=running)) for at in range(0, 70, 10)]
        for judged, running in ((idle, 0), (loaded, 12))
    ]
    assert verdicts[0].index(HealthVerdict.STUCK) == 3
    assert verdicts[1].index(HealthVerdict.STUCK) == 6


def test_a_load_that_is_not_known_counts_as_load():
    judged = policy()
    assert judged.observe(look(59.0, tokens=None)) is HealthVerdict.SILENT
    assert judged.observe(look(60.0, tokens=None)) is HealthVerdict.STUCK


def test_one_token_begins_the_silence_anew():
    judged = policy()
    judged.observe(look(0.0, tokens=5.0, running=9))
    assert judged.observe(look(59.0, tokens=6.0, running=9)) is HealthVerdict.BUSY
    assert judged.observe(look(118.0, tokens=6.0, running=9)) is HealthVerdict.SILENT
    assert judged.observe(look(119.0, tokens=6.0, running=9)) is HealthVerdict.STUCK


def test_three_faults_in_a_row_are_a_dead_engine():
    judged = policy()
    probes = (
        ProbeOutcome.FAILED,
        ProbeOutcome.FAILED,
        ProbeOutcome.LATE,
        ProbeOutcome.FAILED,
        ProbeOutcome.FAILED,
        ProbeOutcome.FAILED,
    )
    verdicts = [judged.observe(look(float(at), probe)) for at, probe in enumerate(probes)]
    assert verdicts == [HealthVerdict.SILENT] * 5 + [HealthVerdict.DEAD]


def test_a_probe_that_is_turned_away_says_nothing_of_an_idle_engine():
    judged = policy()
    assert judged.observe(look(1000.0, ProbeOutcome.REFUSED)) is HealthVerdict.WELL
    assert judged.observe(look(1060.0, ProbeOutcome.REFUSED, running=9)) is HealthVerdict.STUCK


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 20.0),
            st.sampled_from([ProbeOutcome.LATE, ProbeOutcome.ANSWERED, ProbeOutcome.FAILED]),
            st.none() | st.integers(0, 3),
            st.integers(0, 99),
        ),
        max_size=60,
    )
)
def test_it_is_never_called_stuck_before_its_time(steps):
    judged, now_s, moved_s, last, faults = policy(), 0.0, 0.0, None, 0
    for gap_s, probe, tokens, running in steps:
        now_s += gap_s
        verdict = judged.observe(
            Observation(now_s, probe, None if tokens is None else float(tokens), running)
        )
        moved = tokens is not None and last is not None and tokens != last
        last = last if tokens is None else tokens
        faults = faults + 1 if probe is ProbeOutcome.FAILED else 0
        if probe is ProbeOutcome.ANSWERED or moved:
            moved_s = now_s
            assert verdict in (HealthVerdict.WELL, HealthVerdict.BUSY)
        elif verdict is HealthVerdict.STUCK:
            assert now_s - moved_s >= 30.0
        elif verdict is HealthVerdict.DEAD:
            assert faults >= 3
        else:
            assert now_s - moved_s < 60.0
    assert judged.silent_s(now_s) == pytest.approx(now_s - moved_s)
