"""The board and the alerts in ops/ name only metrics that there are, with labels that they have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.metrics import metrics
from tests.unit.ledger.facts import admitted, epoch
from tests.unit.operate.telemetry.views import view

OPS = Path(__file__).parents[4] / "ops"
PROMETHEUS_OWN = {"up"}
_METRIC = re.compile(r"\b(?:logicnet|process)_[a-z_]+\b")
_SELECTOR = re.compile(r"\b((?:logicnet|process)_[a-z_]+)\{([^}]*)\}")
FROM_SCRAPE = {"instance", "job"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    """Each sample's name, and the values of each of its labels."""
    meter = Meter()
    meter(admitted("a", epoch(1)))
    with view(tmp_path_factory.mktemp("ops") / "l.sqlite", meter) as seen:
        page = metrics(seen)().decode()
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def expressions() -> list[str]:
    board = json.loads((OPS / "grafana-board.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    found += [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    return found + [rule["expr"] for rule in rules()]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_named_is_there(expression: str, known: dict[str, dict[str, set[str]]]) -> None:
    names = set(_METRIC.findall(expression))
    assert names or any(own in expression for own in PROMETHEUS_OWN)
    assert names <= known.keys()
    for name, selector in _SELECTOR.findall(expression):
        for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', selector):
            if label in FROM_SCRAPE:
                continue
            values = known[name][label]
            wanted = value.split("|") if operator == "=~" else [value]
            assert set(wanted) <= values


def test_every_metric_of_ours_is_on_the_board(known: dict[str, dict[str, set[str]]]) -> None:
    named = set(_METRIC.findall(" ".join(expressions())))
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known if name.startswith("logicnet_")}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
    assert ours - shown <= {"logicnet_start_time_seconds", "logicnet_epoch_volume"}


def test_every_alert_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".") and rule["annotations"]["mend"].endswith(".")


def test_the_board_needs_nothing_of_its_maker() -> None:
    board = json.loads((OPS / "grafana-board.json").read_text())
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
