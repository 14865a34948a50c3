"""What is said of a judged task: a table on the terminal, and a page."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from logicnet._util.tables import plain_table
from logicnet._util.text import one_line
from logicnet.evals.report.charts import Chart, Options, axis, bars, line, plot
from logicnet.evals.report.page import small_page
from logicnet.tuning.judging.rules import JudgingResult, MinerResult
from logicnet.tuning.judging.task import JudgingTask, ReceivedModel

_HEAD = ("", "miner", "", "score", "test loss", "synthetic loss", "test gain above others", "why")


def print_result(task: JudgingTask, found: JudgingResult) -> None:
    console = Console()
    console.print(plain_table(_HEAD, map(_row, found.results)))
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
    losses = [
        bars([one.test_loss for one in measured], name="test"),
        bars([one.synthetic_loss for one in measured], name="synthetic", color="var(--s1)"),
    ]
    curves = [
        line(name, [list(point) for point in one.curve], f"var(--s{place})")
        for place, (name, one) in enumerate(received.items())
        if one.curve
    ]
    return [
        Chart(
            "losses",
            "Loss on the test and on synthetic rows",
            f"Lower is better. {task.test_rows} rows were kept; synthetic rows: {task.synthetic}. A test "
            "loss far below the synthetic one, where those of others are not: it trained on the test.",
            _plot(losses, axis([one.miner for one in measured])) if measured else None,
        ),
        Chart(
            "curves",
            "Losses while training",
            "Held-out losses as the miners report them: they order scores that are tied, nothing else.",
            _plot(curves, axis(name="step")) if curves else None,
        ),
    ]


def _plot(series: list[Options], x: Options) -> Options:
    tooltip = {"renderMode": "richText", "trigger": "axis"}  # rich text: a miner's name may hold markup
    return plot(series, x, axis(name="loss"), legend=True, tooltip=tooltip)
