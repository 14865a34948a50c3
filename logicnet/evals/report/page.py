"""One HTML page of a run, all in one: strangers' text is escaped, the data is JSON without `<`."""

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import groupby
from pathlib import Path
from typing import Any

from logicnet._util.text import one_line
from logicnet.errors import SettingsError
from logicnet.evals.report import terminal
from logicnet.evals.report.charts import SERIES, Chart, charts
from logicnet.evals.report.estimate import Estimate
from logicnet.evals.report.summary import (
    RIGHT_FROM,
    confusions,
    differences,
    disagreements,
    splits,
    summaries,
    worst,
)
from logicnet.evals.runs.run import Run
from logicnet.maths.mathml import as_html, as_line

_LONGEST_FACT = 400  # characters
MOST_PARTED = 20  # disagreements that are written out; the others are in the rows


_NEEDED = ("nicegui", "jinja2", "numpy", "latex2mathml")
"""ECharts, the template, intervals, formulas."""


def drawable() -> bool:
    """Whether the packages that a page needs are installed."""
    return all(importlib.util.find_spec(package) is not None for package in _NEEDED)


def require() -> None:
    """Raise SettingsError unless a page can be drawn."""
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise SettingsError(f"the report needs {package}: pip install 'logicnet[bench]'")


def page(run: Run) -> str:
    """The page. Raises SettingsError if what it needs is not installed."""
    require()
    import markupsafe  # noqa: PLC0415

    found = summaries(run.rows, run.targets)
    drawn = charts(run.rows, found)
    parted = disagreements(run.rows)
    compared = differences(run.rows, run.targets)
    return _rendered(
        "page.html.j2",
        drawn,
        title=title(run),
        facts=facts(run),
        summaries=found,
        notes=terminal.notes(found, run),
        differences=[list(pair) for _, pair in groupby(compared, key=lambda one: (one.left, one.right))],
        splits=splits(run.rows, run.targets),
        confusions=confusions(run.rows, run.targets),
        right_from=f"{RIGHT_FROM:g}",
        significance=terminal.SIGNIFICANCE,
        parted=parted[:MOST_PARTED],
        more_parted=max(0, len(parted) - MOST_PARTED),
        worst=worst(run.rows),
        series=SERIES,
        cell=partial(_cell, markupsafe.Markup),
        number=terminal.number,
        signed=_signed,
        short=lambda text: one_line(as_line(text), most=200),
        with_formulas=lambda text: markupsafe.Markup(as_html(text)),  # noqa: S704 (it escapes every word)
    )


def small_page(heading: str, rows: Sequence[Sequence[str]], drawn: Sequence[Chart]) -> str:
    """A page with one table, whose first row is its head, and charts. Raises SettingsError as `page`."""
    require()
    return _rendered("small.html.j2", drawn, title=heading, rows=rows)


def _rendered(template: str, drawn: Sequence[Chart], **values: Any) -> str:
    """A template with charts, the library that draws them, and our style."""
    import jinja2  # noqa: PLC0415 (with the drawing library, half a second)
    import markupsafe  # noqa: PLC0415

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=True
    )
    return environment.from_string(_file(template)).render(
        charts=drawn,
        css=markupsafe.Markup(_file("page.css")),  # noqa: S704 (ours, as are the two scripts)
        script=markupsafe.Markup(_file("page.js")),  # noqa: S704
        library=markupsafe.Markup(_library()),  # noqa: S704
        options=markupsafe.Markup(_json({chart.id: chart.options for chart in drawn if chart.options})),  # noqa: S704
        **values,
    )


def title(run: Run) -> str:
    what = "Bench" if run.plan.get("kind") == "bench" else "Arena"
    questions = len({row.id for row in run.rows})
    return f"{what} of {', '.join(run.targets)} on {questions} question{'' if questions == 1 else 's'}"


def facts(run: Run) -> list[tuple[str, str]]:
    """The plan as name and value, for the head of the page; long values are left out."""
    found = [("run", run.name)]
    for name, planned in run.plan.items():
        if name in ("format", "kind", "run", "solvers", "targets", "stakes") or planned in (None, "", [], {}):
            continue
        value = (
            ", ".join(str(part) for part in planned.values() if part)
            if isinstance(planned, Mapping)
            else planned
        )
        if isinstance(value, str | int | float) and len(str(value)) <= _LONGEST_FACT:
            found.append((name.removesuffix("_s").replace("_", " "), _fact(name, value)))
    return found


def _fact(name: str, value: str | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g} s" if name.endswith("_s") and not isinstance(value, str) else str(value)


def _library() -> str:
    """NiceGUI's ECharts, its exports turned into one constant `echarts`. Raises SettingsError.

    `index.js` says which file holds it and what that file calls it.
    """
    folder = files("nicegui") / "elements" / "echart" / "dist"
    index = re.search(
        r'import\{(\w+) as (\w+).*?from"\./([\w-]+\.js)";export\{\2 as echarts', _text(folder / "index.js")
    )
    script, _, exports = _text(folder / index[3]).rpartition("export{") if index else ("", "", "")
    name = re.search(rf"(\w+) as {index[1]}[,}}]", exports) if index else None
    if name is None:
        raise SettingsError("this nicegui has no ECharts that we can read: pip install 'nicegui>=3.4,<4'")
    return f"{script};const echarts={name[1]};".replace("</script", "<\\/script")


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


def _file(name: str) -> str:
    return _text(files("logicnet.evals.report") / name)


def _text(file: Path | Traversable) -> str:
    return file.read_text(encoding="utf-8")
