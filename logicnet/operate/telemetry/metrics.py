"""The page for Prometheus. Labels are words of ours, model servers, and at most 256 validators."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from logicnet.errors import Reason
from logicnet.operate.telemetry.meter import BOUNDS_S, HUNG_UP, MOST_VALIDATORS, Meter
from logicnet.operate.telemetry.state import ModelServerState, State, View

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OUTCOMES = ("solved", "late", "failed", "waited", HUNG_UP)
_MOST_SERVERS = 64


def metrics(view: View) -> Callable[[], bytes]:
    """Makes the reply to a scrape: about two milliseconds of work on the calling thread."""
    registry = CollectorRegistry()
    registry.register(_Miner(view))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class _Miner(Collector):
    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        state = self._view.state()
        for part in (_about, _challenges, _volume, _servers, _network, _ledger):
            for metric in part(state):
                yield metric
                time.sleep(0)  # lets the event loop have the interpreter first
        yield from _counts(self._view.meter)


def _about(state: State) -> Iterator[Metric]:
    yield _labelled(
        "logicnet_miner_info",
        "Which miner this is; always 1.",
        ("hotkey", "version", "solver"),
        [((state.hotkey, state.version, state.solver), 1)],
    )
    yield _gauge("logicnet_start_time_seconds", "Unix time of the miner's start.", state.started_at_s)


def _challenges(state: State) -> Iterator[Metric]:
    left = [one.ends_at_s - state.at_s for one in state.solving]
    yield _gauge("logicnet_challenges_in_flight", "Challenges admitted and not answered yet.", len(left))
    yield _gauge("logicnet_challenges_waiting", "Of those, not begun yet.", state.waiting)
    yield _gauge("logicnet_places", "Challenges solved at once, at most.", state.max_in_flight)
    found = [("least", min(left)), ("median", statistics.median(left)), ("most", max(left))] if left else []
    yield _labelled(
        "logicnet_challenge_seconds_left",
        "Seconds to the deadlines of the challenges in flight.",
        ("of",),
        [((of,), value) for of, value in found],
    )


def _counts(meter: Meter) -> Iterator[Metric]:
    answers = meter.answers.copy()
    yield _labelled(
        "logicnet_answers",
        "Admitted challenges that ended, by outcome and whether in time.",
        ("outcome", "in_time"),
        [
            ((outcome, str(in_time).lower()), answers[outcome, in_time])
            for outcome in _OUTCOMES
            for in_time in (True, False)
        ],
        CounterMetricFamily,
    )
    counts = list(accumulate(meter.buckets.copy()))
    bounds = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
    seconds = HistogramMetricFamily("logicnet_answer_seconds", "Seconds from receipt to reply.")
    seconds.add_metric([], list(zip(bounds, counts, strict=True)), meter.seconds)
    yield seconds
    what = "Challenges admitted beyond a validator's quota."
    yield CounterMetricFamily("logicnet_challenges_over_quota", what, value=meter.over_quota)
    refusals = meter.refusals.copy()
    yield _labelled(
        "logicnet_refusals",
        "Refused requests, by reason.",
        ("reason",),
        [((str(reason),), refusals[reason]) for reason in Reason],
        CounterMetricFamily,
    )


def _volume(state: State) -> Iterator[Metric]:
    yield _gauge("logicnet_epoch_volume", "Challenges announced per interval, in all.", state.epoch_volume)
    open_ = [one for one in state.volumes if state.at_s < one.started_at_s + state.interval_s]
    for name, field, what in (
        ("promised", "announced", "Challenges announced to a validator in its epoch."),
        ("given", "given", "Challenges admitted of a validator in its epoch."),
        ("kept", "kept", "Of those, answered in time."),
        ("refused", "refused", "Challenges of a validator refused in its epoch."),
    ):
        values = [((one.validator,), float(getattr(one, field))) for one in open_[:MOST_VALIDATORS]]
        yield _labelled(f"logicnet_volume_{name}", what, ("validator",), values)


def _servers(state: State) -> Iterator[Metric]:
    values: tuple[tuple[str, str, Callable[[ModelServerState], float | None]], ...] = (
        ("up", "Whether a model server is healthy.", lambda one: one.healthy),
        ("calls", "Calls to it in flight.", lambda one: one.calls),
        ("tokens_per_second", "Tokens per second of one call and its wait.", lambda one: one.tokens_per_s),
        ("spent", "Spent today, in the unit of its limit.", lambda one: one.spent if one.paid else None),
    )
    for name, what, value in values:
        found = [((one.name,), value(one)) for one in state.servers[:_MOST_SERVERS]]
        known = [(labels, float(number)) for labels, number in found if number is not None]
        yield _labelled(f"logicnet_endpoint_{name}", what, ("endpoint",), known)


def _network(state: State) -> Iterator[Metric]:
    network = state.network
    yield _gauge("logicnet_network_known", "Whether a metagraph was read.", network is not None)
    if network is None:
        return
    yield _gauge("logicnet_network_age_seconds", "Age of the metagraph in use.", state.network_age_s)
    yield _gauge("logicnet_network_neurons", "Neurons of the subnet.", network.neurons)
    yield _gauge("logicnet_registered", "Whether our hotkey is registered.", network.uid is not None)
    if network.rank is not None:
        yield _gauge("logicnet_rank", "Our rank by incentive; 1 is best.", network.rank)
        yield _gauge("logicnet_incentive", "Our incentive, 0 to 1.", network.incentive)
        yield _gauge("logicnet_stake", "Our stake, alpha.", network.stake)
    if (standing := state.standing) is None:
        return
    if standing.tao_a_day is not None:
        yield _gauge("logicnet_tao_a_day", "What we earn a day, by the last epoch.", standing.tao_a_day)
    if standing.replaced_before is not None:
        before = standing.replaced_before + standing.free
        yield _gauge("logicnet_replaced_before", "Newcomers until our place is given away.", before)


def _ledger(state: State) -> Iterator[Metric]:
    yield CounterMetricFamily("logicnet_ledger_rows_lost", "Rows never written.", value=state.rows_lost)
    yield _gauge("logicnet_ledger_rows_waiting", "Rows in memory, not in the file yet.", state.rows_waiting)
    yield _gauge("logicnet_ledger_away", "Whether the file cannot be written.", state.ledger_away)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=float(value))


def _labelled(
    name: str,
    what: str,
    labels: tuple[str, ...],
    values: Sequence[tuple[tuple[str, ...], float]],
    kind: type[CounterMetricFamily | GaugeMetricFamily] = GaugeMetricFamily,
) -> Metric:
    family = kind(name, what, labels=labels)
    for at, value in values:
        family.add_metric(at, float(value))
    return family
