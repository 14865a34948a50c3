"""What is said of a judged task: a table on the terminal, and a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logicnet._util.text import one_line
from logicnet.evals.report.charts import Chart
from logicnet.evals.report.page import small_page
from logicnet.tuning.judging.rules import JudgingResult, MinerResult
from logicnet.tuning.judging.task import JudgingTask, ReceivedModel

_HEAD = ("", "miner", "", "score", "test loss", "synthetic loss", "test gain above others", "why")
_AXIS: dict[str, Any] = {
    "axisLabel": {"color": "var(--dim)"},
    "splitLine": {"lineStyle": {"color": "var(--line)"}},
}


def print_result(task: JudgingTask, found: JudgingResult) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _HEAD:
        table.add_column(name, overflow="fold")
    for one in found.results:
        table.add_row(*map(Text, _row(one)))
    console.print(table)
    console.print(in_words(task, found), markup=False, highlight=False)


def in_words(task: JudgingTask, found: JudgingResult) -> str:
    bar = (
        "" if found.original_score is None else f" The original model's score is {found.original_score:.4f}."
    )
    return f"Winner: {found.winner or 'nobody'}: {found.why}.{bar}"


def write_page(
    path: Path, task: JudgingTask, found: JudgingResult, received: Mapping[str, ReceivedModel]
) -> None:
    """Raises SettingsError if what draws it is not installed."""
    heading = f"Task {task.id}: {in_words(task, found)}"
    path.write_text(
        small_page(heading, [_HEAD, *map(_row, found.results)], _charts(task, found, received)),
        encoding="utf-8",
    )


def _row(one: MinerResult) -> tuple[str, ...]:
    its = one.suspicion
    unclear = "" if its is None or its.clear else ", unclear: synthetic rows are far harder for all"
    return (
        str(one.place),
        one.miner,
        one.fate.value,
        _number(one.score),
        _number(one.test_loss),
        _number(one.synthetic_loss),
        ""
        if its is None
        else f"{its.excess:+.3f} ({its.low:+.3f} to {its.high:+.3f}), {its.sds:.1f} sd{unclear}",
        one_line(one.reason, 300),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _charts(task: JudgingTask, found: JudgingResult, received: Mapping[str, ReceivedModel]) -> list[Chart]:
    measured = [one for one in found.results if one.test_loss is not None]
    curves = [
        {
            "name": name,
            "type": "line",
            "symbolSize": 4,
            "data": [list(point) for point in one.curve],
            "lineStyle": {"color": f"var(--s{place})"},
            "itemStyle": {"color": f"var(--s{place})"},
        }
        for place, (name, one) in enumerate(received.items())
        if one.curve
    ]
    return [
        Chart(
            "losses",
            "Loss on the test and on synthetic rows",
            f"Lower is better. {task.test_rows} rows were kept; synthetic rows: {task.synthetic}. A test "
            "loss far below the synthetic one, where those of others are not: it trained on the test.",
            _grid(
                [
                    {
                        "name": name,
                        "type": "bar",
                        "data": [getattr(one, field) for one in measured],
                        "itemStyle": {"color": colour},
                    }
                    for name, field, colour in (
                        ("test", "test_loss", "var(--s0)"),
                        ("synthetic", "synthetic_loss", "var(--s1)"),
                    )
                ],
                {
                    "type": "category",
                    "data": [one.miner for one in measured],
                    "axisLabel": _AXIS["axisLabel"],
                },
            )
            if measured
            else None,
        ),
        Chart(
            "curves",
            "Losses while training",
            "Held-out losses as the miners report them: they order scores that are tied, nothing else.",
            _grid(curves, {"type": "value", "name": "step", **_AXIS}) if curves else None,
        ),
    ]


def _grid(series: list[dict[str, Any]], x: dict[str, Any]) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 4, "containLabel": True},
        "legend": {"textStyle": {"color": "var(--dim)"}, "top": 0},
        "tooltip": {"renderMode": "richText", "trigger": "axis"},
        "xAxis": x,
        "yAxis": {"type": "value", "name": "loss", **_AXIS},
        "series": series,
    }
