"""One HTML page of a run that needs nothing else: style, data, drawing library and all are in it.

Whatever strangers wrote is escaped by the template; the pictures' data is JSON without a `<`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from itertools import groupby
from typing import Any

from logicnet.errors import SettingsError
from logicnet.evals.report import terminal
from logicnet.evals.report.charts import SERIES, charts
from logicnet.evals.report.estimate import Estimate
from logicnet.evals.report.summary import Difference, differences, disagreements, summaries, worst
from logicnet.evals.runs.run import Run

MOST_PARTED = 20
"""Disagreements that are written out; the others are in the rows."""


def require() -> None:
    """Raise SettingsError unless what draws and writes the page is installed. Loads nothing."""
    for module, package in (("vl_convert", "vl-convert-python"), ("jinja2", "jinja2")):
        if importlib.util.find_spec(module) is None:
            raise SettingsError(f"the report needs {package}: pip install 'logicnet[bench]'")


def page(run: Run) -> str:
    """The page. Raises SettingsError if what it needs is not installed."""
    require()
    import jinja2  # noqa: PLC0415 (with the drawing library, half a second)
    import markupsafe  # noqa: PLC0415

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=True
    )
    found = summaries(run.rows, run.targets)
    drawn = charts(run.rows, found)
    parted = disagreements(run.rows)
    return environment.from_string(_file("page.html.j2")).render(
        title=title(run),
        facts=facts(run),
        summaries=found,
        notes=terminal.notes(found, run),
        differences=_by_pair(differences(run.rows, run.targets)),
        noise=terminal.NOISE,
        charts=drawn,
        parted=parted[:MOST_PARTED],
        more_parted=max(0, len(parted) - MOST_PARTED),
        worst=worst(run.rows),
        series=SERIES,
        cell=partial(_cell, markupsafe.Markup),
        number=terminal.number,
        signed=_signed,
        short=_short,
        css=markupsafe.Markup(_file("page.css")),  # noqa: S704 (ours, as are the two scripts)
        script=markupsafe.Markup(_file("page.js")),  # noqa: S704
        library=markupsafe.Markup(_library()),  # noqa: S704
        specs=markupsafe.Markup(_json({chart.id: chart.spec for chart in drawn if chart.spec})),  # noqa: S704
    )


def title(run: Run) -> str:
    what = "Bench" if run.plan.get("kind") == "bench" else "Arena"
    questions = len({row.id for row in run.rows})
    return f"{what} of {', '.join(run.targets)} on {questions} question{'' if questions == 1 else 's'}"


def facts(run: Run) -> list[tuple[str, str]]:
    """The plan in words: what is short enough to stand at the head of a page."""
    found = [("run", run.name)]
    for name, planned in run.plan.items():
        if name in ("format", "kind", "run", "solvers", "targets", "stakes") or planned in (None, "", [], {}):
            continue
        value = (
            ", ".join(str(part) for part in planned.values() if part)
            if isinstance(planned, Mapping)
            else planned
        )
        if isinstance(value, str | int | float) and len(str(value)) <= 120:
            found.append((name.removesuffix("_s").replace("_", " "), _fact(name, value)))
    return found


def _by_pair(compared: Sequence[Difference]) -> list[list[Difference]]:
    return [list(pair) for _, pair in groupby(compared, key=lambda one: (one.left, one.right))]


def _fact(name: str, value: str | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g} s" if name.endswith("_s") and not isinstance(value, str) else str(value)


def _library() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    script: str = importlib.import_module("vl_convert").javascript_bundle()
    return script.replace("</script", "<\\/script")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _cell(markup: Any, value: Estimate | None) -> Any:
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.mean:.3f}"
    return markup("{:.3f}<small>{:.3f} to {:.3f}</small>").format(value.mean, value.low, value.high)


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _short(text: str, most: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def _file(name: str) -> str:
    return (files("logicnet.evals.report") / name).read_text(encoding="utf-8")
