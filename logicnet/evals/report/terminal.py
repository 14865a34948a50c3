"""The tables of a run for a terminal; whole lines without colours in a pipe."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from logicnet.evals.report.estimate import Estimate
from logicnet.evals.report.summary import (
    Difference,
    Split,
    TargetSummary,
    differences,
    disagreements,
    splits,
    summaries,
)
from logicnet.evals.runs.run import Run

SIGNIFICANCE = (
    "Differences are the first minus the second, question by question, where both are known. A difference "
    "is not significant where its 95 % confidence interval contains 0."
)


def console() -> Console:
    """Standard output; in a pipe as wide as a table wants to be."""
    found = Console()
    if not found.is_terminal:
        found.width = 10_000
    return found


def print_run(out: Console, run: Run) -> None:
    """Results, computed against model, differences, and what the figures leave out."""
    found = summaries(run.rows, run.targets)
    out.print(summary_table(found))
    for note in notes(found, run):
        out.print(note, markup=False, highlight=False)
    parts = splits(run.rows, run.targets)
    if parts:
        out.print()
        out.print(split_table(parts))
    compared = differences(run.rows, run.targets)
    if compared:
        out.print()
        out.print(difference_table(compared))
        out.print(SIGNIFICANCE, markup=False, highlight=False)


def summary_table(found: Sequence[TargetSummary]) -> Table:
    title = "Results per target, with 95 % confidence intervals"
    figures = ("asked", "in time", "reward", "correctness", "truly right", "similarity")
    table = _table(title, ("",), (*figures, "median s", "p95 s", "max s", "tokens"))
    for one in found:
        table.add_row(
            escape(one.target),
            *map(str, (one.asked, one.answered)),
            *map(estimate, (one.reward, one.correctness, one.truth, one.similarity)),
            *(number(one_s, 1) for one_s in (one.median_s, one.p95_s, one.max_s)),
            number(one.tokens, 0),
        )
    return table


def split_table(parts: Sequence[Split]) -> Table:
    headings = ("questions", "truly right", "reward")
    table = _table("Computed, and left to the model", ("", "answer"), headings)
    for one in parts:
        row = (one.origin, str(one.count), estimate(one.truth), estimate(one.reward))
        table.add_row(escape(one.target), *row)
    return table


def difference_table(compared: Sequence[Difference]) -> Table:
    table = _table("Differences", ("", "of"), ("difference", "95 % interval", "questions"), no_wrap=True)
    table.add_column("verdict")
    before = ("", "")
    for one in compared:
        pair = (one.left, one.right)
        if before[0] and pair != before:
            table.add_section()
        digits = one.metric.digits
        table.add_row(
            escape(f"{one.left} - {one.right}") if pair != before else "",
            one.metric.name,
            f"{one.estimate.mean:+.{digits}f}",
            interval(one.estimate, digits, sign="+") or one.estimate.without_interval,
            f"{one.estimate.count} of {one.asked_both}",
            escape(one.verdict),
        )
        before = pair
    return table


def _table(title: str, names: Sequence[str], figures: Sequence[str], *, no_wrap: bool = False) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, no_wrap=True)
    for figure in figures:
        table.add_column(figure, justify="right", no_wrap=no_wrap)
    return table


def notes(found: Sequence[TargetSummary], run: Run) -> list[str]:
    """What the figures leave out, in words."""
    said = []
    for one in found:
        parts = []
        if one.undecided:
            parts.append(f"{_answers(one.undecided)} undecided (only a judge could score them)")
        if one.open_rewards:
            between = (
                f"; the mean of all lies between {number(one.reward_low, 3)} and {number(one.reward_high, 3)}"
                if one.reward_low is not None and one.reward_high is not None
                else ""
            )
            parts.append(f"{one.open_rewards} of {one.scored} rewards not known{between}")
        if one.unknown_truth:
            parts.append(f"{_answers(one.unknown_truth)} of which nobody can say whether it is right")
        if one.cut_off:
            parts.append(f"{_answers(one.cut_off)} put together from what there was (solver late or failed)")
        if one.scored < one.asked:
            parts.append(f"{one.asked - one.scored} asked and not scored")
        if parts:
            said.append(f"{one.target}: {'; '.join(parts)}.")
    parted = disagreements(run.rows)
    if parted:
        for_wrong = sum(row.true is False for row in parted)
        said.append(
            f"Validator and truth disagree on {_answers(len(parted))}: {for_wrong} wrong taken for right, "
            f"{len(parted) - for_wrong} right taken for wrong."
        )
    return said


def _answers(count: int) -> str:
    return f"{count} answer{'' if count == 1 else 's'}"


def estimate(value: Estimate | None, digits: int = 3) -> str:
    if value is None:
        return "-"
    return f"{value.mean:.{digits}f} {interval(value, digits)}".rstrip()


def interval(value: Estimate, digits: int = 3, *, sign: str = "") -> str:
    if value.low is None or value.high is None:
        return ""
    return f"[{value.low:{sign}.{digits}f}, {value.high:{sign}.{digits}f}]"


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.000
