"""The charts, as ECharts options. Colours are names that the style sheet defines, for light and dark."""

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from logicnet._util.text import one_line
from logicnet.evals.report.summary import TargetSummary, correctness, seconds
from logicnet.evals.runs.run import Row

Options = dict[str, Any]

MOST_POINTS = 3_000  # points of one chart; of more rows, evenly chosen ones are drawn
MOST_KINDS = 30
SERIES = 8  # colours; further targets begin again with the first
_SHOWN = 160  # characters of a question or an answer in a tooltip

_DIM = {"color": "var(--dim)"}
_LINE = {"lineStyle": {"color": "var(--line)"}}
_NO_KIND = "(no kind)"


@dataclass(frozen=True, slots=True)
class Chart:
    """`id` is its place in the page, `height` is in pixels; `options` is None where no data is known."""

    id: str
    title: str
    note: str
    options: Options | None
    height: int = 300
    legend: bool = False  # whether only colours tell the targets apart


def axis(names: Sequence[str] | None = None, **more: Any) -> Options:
    """An axis of numbers, or of `names`. `more`: ECharts options of the axis."""
    kind = {"type": "value"} if names is None else {"type": "category", "data": list(names)}
    return {**kind, "axisLabel": _DIM, "splitLine": _LINE, **more}


def line(name: str, data: Sequence[Any], color: str, **style: Any) -> Options:
    """A series of points, or of a value for each name of the x axis."""
    drawn = {"lineStyle": {"color": color, **style}, "itemStyle": {"color": color}}
    return {"name": name, "type": "line", "data": list(data), "symbolSize": 4, **drawn}


def bars(data: Sequence[float | None], *, name: str = "", color: str = "var(--s0)") -> Options:
    """A series of one bar for each name of the other axis."""
    return {
        "name": name,
        "type": "bar",
        "data": list(data),
        "itemStyle": {"color": color},
        "barMaxWidth": 26,
    }


def plot(
    series: Sequence[Options], x: Options, y: Options, *, legend: bool = False, top: int = 8, **more: Any
) -> Options:
    """`series` between two axes. `top`: pixels above them, more with a legend or a name on the y axis."""
    if legend:
        top, more = 36, {"legend": {"textStyle": _DIM, "top": 0}, **more}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": top, "bottom": 4, "containLabel": True},
        "xAxis": x,
        "yAxis": y,
        "series": list(series),
        **more,
    }


def charts(rows: Sequence[Row], found: Sequence[TargetSummary]) -> list[Chart]:
    """One of each, in the order of the page."""
    targets = [one.target for one in found]
    return [
        _reward(found),
        _correctness_by_seconds(rows, targets),
        _by_kind(rows, targets),
        _deadline(rows, targets),
    ]


def _reward(found: Sequence[TargetSummary]) -> Chart:
    scored = [one for one in found if one.scored]
    series: list[Options] = []
    note = "Dot: mean of the known rewards. Line: 95 % confidence interval."
    for place, one in enumerate(scored):
        if one.open_rewards and one.reward_low is not None and one.reward_high is not None:
            series.append(_range(place, one.reward_low, one.reward_high, width=18, opacity=0.22))
        if one.reward is not None and one.reward.low is not None and one.reward.high is not None:
            series.append(_range(place, one.reward.low, one.reward.high, width=3, opacity=1))
        if one.reward is not None:
            tip = f"{one.target}: {one.reward.mean:.3f}, {one.reward.count} known"
            dot = {"value": [round(one.reward.mean, 4), place], "name": tip}
            series.append(_scatter(place, [dot], size=11, opacity=1))
    if any(one["lineStyle"]["width"] == 18 for one in series if one["type"] == "line"):
        note += " Pale bar: range of the mean while answers are undecided."
    options = _options(series, x=_values("mean reward", scale=True), y=_names([one.target for one in scored]))
    return Chart("reward", "Reward", note, options, height=90 + 44 * len(scored))


def _correctness_by_seconds(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    known = [row for row in rows if row.correctness is not None and seconds(row) is not None]
    shown = _thinned(known)

    def height(row: Row, _place: int) -> float:
        return round((row.correctness or 0) + _jitter(row), 4)

    series = _scatters(shown, targets, height, size=7, opacity=0.6)
    lowest = min([0.0, *(row.correctness or 0.0 for row in shown)])
    y = _values("correctness") | {"min": round(lowest - 0.1, 2), "max": 1.1}
    note = f"One dot per decided answer{_thinly(known)}, moved up or down a little so that equal ones show."
    options = _options(series, x=_values("seconds") | {"min": 0}, y=y)
    return Chart("correctness-seconds", "Correctness against seconds", note, options, legend=True)


def _by_kind(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    decided: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        value = correctness(row)
        if row.scored and value is not None:
            decided.setdefault(row.kind or _NO_KIND, {}).setdefault(row.target, []).append(value)
    counts = Counter({kind: sum(map(len, found.values())) for kind, found in decided.items()})
    kinds = [kind for kind, _ in counts.most_common(MOST_KINDS)]
    series = []
    for place, target in enumerate(targets):
        found = [(kind, decided[kind].get(target, [])) for kind in kinds]
        bars = [_bar(kind, target, values) if values else None for kind, values in found]
        series.append({"type": "bar", "data": bars, "itemStyle": {"color": _colour(place)}})
    options = _options(series if kinds else [], x=_values("mean correctness") | {"max": 1}, y=_names(kinds))
    note = "A kind with few questions says little: point at a bar to see how many."
    if len(counts) > MOST_KINDS:
        note += f" The {MOST_KINDS} most frequent of {len(counts)} kinds with a decided answer."
    height = 90 + len(kinds) * max(22, 14 * len(targets) + 6)
    return Chart("kinds", "Correctness by kind of challenge", note, options, height, legend=True)


def _deadline(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    timed = [row for row in rows if seconds(row) is not None]
    shown = _thinned(timed)
    strokes = _scatters(shown, targets, lambda _, place: place, size=[2, 22], opacity=0.55)
    series = [one | {"symbol": "rect"} for one in strokes]
    deadlines_s = sorted({row.timeout for row in rows})
    if series:
        series[0]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "label": {"show": False},
            "lineStyle": {"color": "var(--bad)", "width": 2, "type": "dashed"},
            "data": [{"xAxis": deadline_s} for deadline_s in deadlines_s],
        }
    times_s = [*deadlines_s, *(row.process_time or 0.0 for row in timed)]
    x = _values("seconds") | {"min": 0, "max": round(max(times_s, default=1.0) * 1.03, 1)}
    note = f"One stroke per answer{_thinly(timed)}. Dashed: the deadline; a later answer earns nothing."
    options = _options(series, x=x, y=_names(targets))
    return Chart("deadline", "Seconds against the deadline", note, options, height=90 + 44 * len(targets))


def _options(series: list[Options], *, x: Options, y: Options) -> Options | None:
    """None if no series has a point."""
    if not any(point is not None for one in series for point in one["data"]):
        return None
    return {
        "animation": False,
        "backgroundColor": "transparent",
        "grid": {"left": 12, "right": 24, "top": 12, "bottom": 34, "containLabel": True},
        "tooltip": {  # rich text: a name may hold a stranger's markup
            "renderMode": "richText",
            "formatter": "{b}",
            "confine": True,
            "textStyle": {"width": 300, "overflow": "break"},
        },
        "xAxis": x,
        "yAxis": y,
        "series": series,
    }


def _values(name: str, *, scale: bool = False) -> Options:
    return {
        "type": "value",
        "name": name,
        "nameLocation": "middle",
        "nameGap": 26,
        "nameTextStyle": _DIM,
        "scale": scale,
        "axisLabel": _DIM,
        "splitLine": _LINE,
    }


def _names(names: Sequence[str]) -> Options:
    return {
        "type": "category",
        "data": list(names),
        "inverse": True,
        "axisLabel": {"color": "var(--ink)", "width": 140, "overflow": "truncate"},
        "axisLine": _LINE,
        "axisTick": {"show": False},
    }


def _range(place: int, low: float, high: float, *, width: int, opacity: float) -> Options:
    return {
        "type": "line",
        "silent": True,
        "symbol": "none",
        "lineStyle": {"color": _colour(place), "width": width, "opacity": opacity, "cap": "round"},
        "data": [[round(low, 4), place], [round(high, 4), place]],
    }


def _scatter(place: int, data: list[Options], *, size: int | list[int], opacity: float) -> Options:
    style = {"color": _colour(place), "opacity": opacity}
    return {"type": "scatter", "data": data, "symbolSize": size, "itemStyle": style}


def _scatters(
    rows: Sequence[Row], targets: Sequence[str], height: Callable[[Row, int], float], **style: Any
) -> list[Options]:
    """For each target, its rows by seconds and by a height that may depend on its place."""
    return [
        _scatter(place, [_point(row, height(row, place)) for row in rows if row.target == target], **style)
        for place, target in enumerate(targets)
    ]


def _bar(kind: str, target: str, values: Sequence[float]) -> Options:
    mean = round(fmean(values), 4)
    return {"value": mean, "name": f"{target}, {kind}: {mean:.2f} of {len(values)} decided"}


def _point(row: Row, height: float) -> Options:
    took_s = round(row.process_time or 0.0, 3)
    asked, said = one_line(row.question, _SHOWN), one_line(row.answer or "", _SHOWN)
    tip = f"{row.target}, {row.kind or _NO_KIND}, {took_s:.1f} s\n{asked}\n{said}"
    return {"value": [took_s, height], "name": tip}


def _colour(place: int) -> str:
    return f"var(--s{place % SERIES})"


def _thinned(rows: Sequence[Row]) -> Sequence[Row]:
    step = -(-len(rows) // MOST_POINTS)
    return rows[::step] if step > 1 else rows


def _thinly(rows: Sequence[Row]) -> str:
    shown = len(_thinned(rows))
    return f" ({shown} of {len(rows)}, evenly chosen)" if shown < len(rows) else ""


def _jitter(row: Row) -> float:
    """-0.05 to 0.05, the same for the same row."""
    return zlib.crc32(f"{row.target} {row.id}".encode()) / 2**32 / 10 - 0.05
