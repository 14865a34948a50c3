"""The training service's page for Prometheus."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from logicnet.tuning.control import ControlRoom
from logicnet.tuning.jobs import JobState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(room: ControlRoom) -> bytes:
    """The reply to a scrape. Labels are words of ours; jobs are named by id while they run."""
    registry = CollectorRegistry()
    registry.register(_Jobs(room))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Jobs(Collector):
    def __init__(self, room: ControlRoom) -> None:
        self._room = room

    def collect(self) -> Iterator[Metric]:
        counts = self._room.store.counts()
        jobs = GaugeMetricFamily("logicnet_tuning_jobs", "Jobs by state.", labels=["state"])
        for state in JobState:
            jobs.add_metric([state.value], counts.get(state, 0))
        yield jobs
        refused = CounterMetricFamily(
            "logicnet_tuning_refused", "Requests that were refused, by reason.", labels=["reason"]
        )
        for reason, count in self._room.refusals.items():
            refused.add_metric([reason], count)
        yield refused
        step = GaugeMetricFamily("logicnet_tuning_step", "Steps of a running job.", labels=["job"])
        loss = GaugeMetricFamily("logicnet_tuning_best_loss", "Its best held-out loss.", labels=["job"])
        left = GaugeMetricFamily("logicnet_tuning_seconds_left", "Until its last step.", labels=["job"])
        for job, progress in self._room.running():
            step.add_metric([job.id], progress.step)
            if progress.best is not None:
                loss.add_metric([job.id], progress.best.loss)
            if progress.eta_s is not None:
                left.add_metric([job.id], progress.eta_s)
        yield from (step, loss, left)
