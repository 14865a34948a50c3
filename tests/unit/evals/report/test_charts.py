"""What the charts hold. tests/e2e/test_report.py has a browser draw them."""

from __future__ import annotations

import pytest

from logicnet.evals.report.charts import Chart, charts
from logicnet.evals.report.summary import summaries
from tests.unit.evals.report.runs import HOSTILE, mixed, row

IDS = ("reward", "correctness-seconds", "kinds", "deadline")


def drawn(rows, targets) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts(rows, summaries(rows, targets))}


def points(chart: Chart, kind: str) -> int:
    series = [one for one in chart.options["series"] if one["type"] == kind]
    return sum(point is not None for one in series for point in one["data"])


@pytest.fixture(scope="module")
def found() -> dict[str, Chart]:
    return drawn(mixed(24), ["direct", "race"])


def test_every_chart_has_data_and_a_note(found):
    assert tuple(found) == IDS
    assert all(chart.options and chart.note for chart in found.values())


def test_reward_has_a_dot_an_interval_and_the_open_range(found):
    assert points(found["reward"], "scatter") == 2
    widths = [one["lineStyle"]["width"] for one in found["reward"].options["series"] if one["type"] == "line"]
    assert sorted(widths) == [3, 3, 18]  # only race has undecided answers
    assert "Pale bar" in found["reward"].note


def test_each_decided_answer_is_a_dot(found):
    assert points(found["correctness-seconds"], "scatter") == 24 + 20


def test_each_kind_has_a_bar_for_each_target(found):
    assert points(found["kinds"], "bar") == 6


def test_each_answer_is_a_stroke_before_the_deadline(found):
    assert points(found["deadline"], "scatter") == 48
    lines = [one["markLine"]["data"] for one in found["deadline"].options["series"] if "markLine" in one]
    assert lines == [[{"xAxis": 64.0}]]
    assert found["deadline"].options["xAxis"]["max"] > 64


def test_a_judge_that_calls_tricks_is_drawn_below_zero():
    rows = [row(number=n, correctness=-1.0) for n in range(3)]
    assert drawn(rows, ["direct"])["correctness-seconds"].options["yAxis"]["min"] < -1


def test_tooltips_show_the_text_of_strangers_without_markup():
    chart = drawn([row(question=f"a\n{HOSTILE}\x1b[31m" + "b" * 500)], ["direct"])["deadline"]
    assert chart.options["tooltip"]["renderMode"] == "richText"
    name = chart.options["series"][0]["data"][0]["name"]
    assert "\x1b" not in name
    assert len(name) < 400


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
    assert [chart.id for chart in drawn([silent], ["direct"]).values() if chart.options] == []
