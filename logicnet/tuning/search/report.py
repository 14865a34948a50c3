"""What a search found: a table, a picture of the space, and the best point as a job's file."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from logicnet._util.tables import plain_table
from logicnet.evals.report import page
from logicnet.evals.report.charts import Chart, axis, line, plot
from logicnet.tuning.search.run import SearchResult
from logicnet.tuning.search.study import TrialRecord
from logicnet.tuning.spec import TrainSpec

BEST = "best.toml"

_ORDER = {"done": 0, "pruned": 1, "running": 2, "waiting": 3, "failed": 4}


def ranked(result: SearchResult) -> list[TrialRecord]:
    """The best first; then those that were pruned, with the last loss that they had."""
    return sorted(result.trials, key=lambda one: (_ORDER[one.state], _loss(one), one.number))


def _loss(record: TrialRecord) -> float:
    return math.inf if record.loss is None else record.loss


def cells(result: SearchResult) -> list[tuple[str, ...]]:
    """The table; its first row is the head."""
    names = list(result.space.parameters)
    head = ("trial", *names, "state", "held-out loss", "evaluations", "seconds")
    return [head, *(_row(one, names) for one in ranked(result))]


def _row(record: TrialRecord, names: Sequence[str]) -> tuple[str, ...]:
    values = (_number(record.parameters.get(name, "")) for name in names)
    loss = "" if record.loss is None else f"{record.loss:.4f}"
    seconds = "" if record.seconds is None else f"{record.seconds:.0f}"
    return str(record.number), *values, record.state, loss, str(len(record.losses)), seconds


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(result: SearchResult) -> Table:
    head, *rows = cells(result)
    return plain_table(head, rows)


def verdict(result: SearchResult) -> str:
    """What the table says, in a sentence or two."""
    states = [one.state for one in result.trials]
    count = ", ".join(f"{states.count(state)} {state}" for state in _ORDER if state in states)
    if result.best is None or result.best.loss is None:
        return f"No trial is done yet ({count})."
    values = ", ".join(f"{name} {_number(value)}" for name, value in result.best.parameters.items())
    words = f"Of {len(states)} trials ({count}), trial {result.best.number} is the best: {values}, "
    words += f"held-out loss {result.best.loss:.4f}"
    if result.first_loss is None:
        return f"{words}."
    if result.best.loss >= result.first_loss:
        before = f"the {result.first_loss:.4f} before training"
        return f"{words}. No trial lowered {before}: search higher learning rates."
    return f"{words} ({result.first_loss:.4f} before training)."


def write(result: SearchResult, spec: TrainSpec) -> list[Path]:
    """Write best.toml and report.html into the search's folder; returns what was written.

    Without the packages that draw, there is no page. Raises OSError.
    """
    written = []
    if result.best is not None:
        best = result.folder / BEST
        best.write_text(as_toml(result.spec(spec)))
        written.append(best)
    if result.trials and page.drawable():
        out = result.folder / "report.html"
        out.write_text(page.small_page("Hyperparameter search", cells(result), charts(result)))
        written.append(out)
    return written


def as_toml(spec: TrainSpec) -> str:
    """A job's file for `logicnet tune run`: what differs from a field's default."""
    given = spec.model_dump(mode="json", exclude_defaults=True)
    return "".join(f"{name} = {_toml(value)}\n" for name, value in given.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = (f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items() if one is not None)
        return f"{{ {', '.join(inside)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def charts(result: SearchResult) -> list[Chart]:
    """The space as parallel axes, a line a trial; and each trial's losses while it trained."""
    shown = [one for one in ranked(result) if one.loss is not None]
    axes: dict[str, dict[str, Any]] = {
        name: _axis([one.parameters.get(name) for one in shown]) for name in result.space.parameters
    }
    axes["held-out loss"] = {"type": "value", "scale": True}

    def cell(record: TrialRecord, name: str) -> Any:
        value = record.parameters.get(name, record.loss)
        return _number(value) if axes[name]["type"] == "category" else value

    parallel = {
        "animation": False,
        "parallel": {"left": 48, "right": 64, "top": 44, "bottom": 24},
        "parallelAxis": [
            {"dim": place, "name": name, "nameTextStyle": {"color": "var(--dim)"}, **axis}
            for place, (name, axis) in enumerate(axes.items())
        ],
        "series": [
            {
                "type": "parallel",
                "name": f"trial {one.number}",
                "data": [[cell(one, name) for name in axes]],
                "lineStyle": _line(one, result),
            }
            for one in reversed(shown)
        ],
    }
    losses = plot(
        [
            line(
                f"trial {one.number}",
                [[number, loss] for number, loss in enumerate(one.losses, 1)],
                **_line(one, result),
            )
            for one in reversed(shown)
        ],
        axis(name="evaluation", minInterval=1, min=1),
        axis(name="held-out loss", scale=True),
        top=36,
        tooltip={},
    )
    note = "A line is a trial. Blue: the best; grey: done; pale: pruned."
    return [
        Chart("space", "The space", note, parallel, 340),
        Chart("losses", "Held-out loss while training", "A pruned trial ends early.", losses, 340),
    ]


def _axis(values: Sequence[Any]) -> dict[str, Any]:
    """Logarithmic where the values span a hundredfold; words, and few numbers, stand beside each other."""
    numbers = [one for one in values if isinstance(one, int | float)]
    if len(numbers) < len(values) or len(set(values)) <= 6:
        known = sorted(set(values), key=lambda one: (isinstance(one, str), one))
        return {"type": "category", "data": [_number(one) for one in known]}
    wide = min(numbers) > 0 and max(numbers) / min(numbers) >= 100
    return {"type": "log" if wide else "value", "scale": True}


def _line(record: TrialRecord, result: SearchResult) -> dict[str, Any]:
    if record == result.best:
        return {"color": "var(--s0)", "width": 3, "opacity": 1}
    return {"color": "var(--dim)", "width": 1, "opacity": 0.9 if record.state == "done" else 0.4}
