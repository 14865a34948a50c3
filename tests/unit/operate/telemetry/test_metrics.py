from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from logicnet.errors import Reason
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.metrics import metrics
from tests.unit.ledger.facts import ALICE, admitted, answered, epoch, refused
from tests.unit.operate.telemetry.views import view

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def meter() -> Meter:
    meter = Meter()
    for number, allowed_s in enumerate([60.0, 40.0, 50.0]):
        meter(admitted(f"a{number}", epoch(number + 1), allowed_s=allowed_s))
    meter(admitted("done", epoch(4)))
    meter(answered("done", seconds=2.5))
    meter(refused(Reason.FULL, of=epoch(4, 1)))
    return meter


def samples(page: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def found(page: Samples, name: str, **labels: str) -> float:
    return page[name, frozenset(labels.items())]


def test_the_page_tells_what_happens(meter: Meter, tmp_path: Path) -> None:
    with view(tmp_path / "l.sqlite", meter) as seen:
        page = samples(metrics(seen)())
    assert found(page, "logicnet_challenges_in_flight") == 3
    left = [found(page, "logicnet_challenge_seconds_left", of=of) for of in ("least", "median", "most")]
    assert left == [10.0, 20.0, 30.0]
    assert found(page, "logicnet_answers_total", outcome="solved", in_time="true") == 1
    assert found(page, "logicnet_answers_total", outcome="late", in_time="false") == 0
    assert found(page, "logicnet_answer_seconds_bucket", le="2") == 0
    assert found(page, "logicnet_answer_seconds_bucket", le="4") == 1
    assert found(page, "logicnet_answer_seconds_bucket", le="+Inf") == 1
    assert found(page, "logicnet_answer_seconds_sum") == 2.5
    assert found(page, "logicnet_refusals_total", reason="full") == 1
    volume = [found(page, f"logicnet_volume_{n}", validator=ALICE) for n in ("promised", "given", "kept")]
    assert volume == [80, 4, 1]
    assert found(page, "logicnet_endpoint_calls", endpoint="127.0.0.1:8000") == 3
    assert found(page, "logicnet_endpoint_tokens_per_second", endpoint="127.0.0.1:8000") == 41.5
    assert found(page, "logicnet_endpoint_up", endpoint="paid.example big") == 0
    assert found(page, "logicnet_endpoint_spent", endpoint="paid.example big") == 1.25
    assert (found(page, "logicnet_rank"), found(page, "logicnet_incentive")) == (2, 0.5)
    assert found(page, "logicnet_tao_a_day") == 2.0 * 20 * 0.5  # alpha an epoch, twenty epochs a day
    assert found(page, "logicnet_replaced_before") == 7  # seven places are free
    assert found(page, "logicnet_ledger_rows_lost_total") == 0
    assert found(page, "process_resident_memory_bytes") > 0


def test_no_label_holds_a_path_or_what_a_stranger_wrote(meter: Meter, tmp_path: Path) -> None:
    meter(admitted("x", epoch(5), question="hunter2"))
    with view(tmp_path / "l.sqlite", meter) as seen:
        page = metrics(seen)().decode()
    assert "account-77" not in page and "hunter2" not in page and str(tmp_path) not in page


def test_a_miner_that_knows_nothing_yet_has_a_page_too(tmp_path: Path) -> None:
    with view(tmp_path / "l.sqlite", Meter(), graph=None) as seen:
        page = samples(metrics(seen)())
    assert found(page, "logicnet_network_known") == 0
    assert not [name for name, _ in page if name in ("logicnet_rank", "logicnet_challenge_seconds_left")]
    assert {dict(labels)["reason"] for name, labels in page if name == "logicnet_refusals_total"} == set(
        Reason
    )


def test_the_epoch_of_one_who_left_is_not_shown_for_ever(tmp_path: Path) -> None:
    meter = Meter()
    meter(admitted("a", epoch(1, began=100.0)))
    with view(tmp_path / "l.sqlite", meter) as seen:
        page = samples(metrics(seen)())
    assert not [name for name, _ in page if name == "logicnet_volume_promised"]
