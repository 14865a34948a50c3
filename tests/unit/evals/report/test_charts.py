"""Every picture is rendered to SVG by the same Vega that the page carries, and its marks are counted."""

from __future__ import annotations

import re

import pytest
import vl_convert

from logicnet.evals.report import charts as module
from logicnet.evals.report.charts import Chart, charts
from logicnet.evals.report.summary import summaries
from tests.unit.evals.report.runs import mixed, row

IDS = ("reward", "correctness-seconds", "kinds", "deadline", "truth")


def drawn(rows, targets) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts(rows, summaries(rows, targets))}


def marks(chart: Chart, kind: str) -> int:
    """How many things of a kind a picture shows: symbols, bars, rules, strokes, texts."""
    svg = vl_convert.vegalite_to_svg(chart.spec, vl_version="6.4")
    return len(re.findall(rf'aria-roledescription="{kind}"', svg))


@pytest.fixture(scope="module")
def found() -> dict[str, Chart]:
    return drawn(mixed(24), ["direct", "race"])


def test_there_are_the_pictures_people_look_for(found):
    assert tuple(found) == IDS
    assert all(chart.spec and chart.note for chart in found.values())


def test_reward_has_a_dot_a_line_and_what_is_open_for_each(found):
    assert marks(found["reward"], "point") == 2
    assert marks(found["reward"], "rule mark") == 2
    assert marks(found["reward"], "bar") == 1  # only race has something undecided


def test_each_decided_answer_is_a_dot(found):
    assert marks(found["correctness-seconds"], "point") == 24 + 20


def test_each_kind_has_a_bar_for_each(found):
    assert marks(found["kinds"], "bar") == 6


def test_each_answer_is_a_stroke_before_the_deadline(found):
    assert marks(found["deadline"], "tick") == 48
    assert marks(found["deadline"], "rule mark") == 1


def test_what_validator_and_truth_say_adds_up(found):
    values = found["truth"].spec["data"]["values"]
    assert sum(value["answers"] for value in values) == 48
    assert marks(found["truth"], "rect mark") == 18


def test_a_judge_that_calls_tricks_is_drawn_below_zero():
    rows = [row(number=n, correctness=-1.0) for n in range(3)]
    shown = drawn(rows, ["direct"])["correctness-seconds"].spec["encoding"]["y"]["scale"]["domain"]
    assert shown[0] < -1


def test_nothing_known_draws_nothing_and_breaks_nothing():
    silent = row(
        answer=None,
        process_time=None,
        correctness=None,
        true=None,
        similarity=None,
        reward=None,
        scored=False,
    )
    assert [chart.id for chart in drawn([silent], ["direct"]).values() if chart.spec] == []


def test_a_run_of_days_does_not_make_a_page_of_gigabytes(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 10)
    monkeypatch.setattr(module, "MOST_KINDS", 2)
    found = drawn(mixed(24), ["direct", "race"])
    assert len(found["deadline"].spec["data"]["values"]) <= 10
    assert "of 48, evenly chosen" in found["deadline"].note
    assert "The 2 commonest of 3 kinds" in found["kinds"].note
    assert len({value["kind"] for value in found["kinds"].spec["data"]["values"]}) == 2


def test_more_targets_than_colours_are_all_drawn():
    names = [f"10.0.0.{n}:8091" for n in range(12)]
    rows = [row(name, n) for name in names for n in range(2)]
    assert marks(drawn(rows, names)["reward"], "point") == 12
