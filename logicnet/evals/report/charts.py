"""The pictures, as Vega-Lite specifications (vega.github.io/vega-lite): plain data, drawn by the browser.

Colours are names that the page's style sheet gives a value, one for light and one for dark.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean
from typing import Any

from logicnet.evals.report.summary import RIGHT_FROM, TargetSummary, correctness, seconds
from logicnet.evals.runs.row import Row

Spec = dict[str, Any]

MOST_POINTS = 3_000
"""Drawn in one picture; of more rows, evenly chosen ones."""

MOST_KINDS = 30
SERIES = 8  # colours there are; more targets begin again

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name; nothing is fetched


@dataclass(frozen=True, slots=True)
class Chart:
    """`id` is its place in the page; `spec` is None where there is nothing to draw, and `note` says why."""

    id: str
    title: str
    note: str
    spec: Spec | None
    legend: bool = False  # whether colours say what nothing else in it says


def charts(rows: Sequence[Row], found: Sequence[TargetSummary]) -> list[Chart]:
    targets = [one.target for one in found]
    return [
        _reward(found, targets),
        _correctness_by_seconds(rows, targets),
        _by_kind(rows, targets),
        _deadline(rows, targets),
        _truth(rows, targets),
    ]


def _reward(found: Sequence[TargetSummary], targets: Sequence[str]) -> Chart:
    values = [
        {
            "target": one.target,
            "reward": _rounded(one.reward.mean if one.reward else None),
            "low": _rounded(one.reward.low if one.reward else None),
            "high": _rounded(one.reward.high if one.reward else None),
            "worst": _rounded(one.reward_low if one.open_rewards else None),
            "best": _rounded(one.reward_high if one.open_rewards else None),
            "answers": one.reward.count if one.reward else 0,
        }
        for one in found
        if one.scored
    ]
    y = _target_axis()
    tip = _tips("target", "reward", "low", "high", "worst", "best", "answers")
    x = {
        "type": "quantitative",
        "scale": {"zero": False, "nice": True, "padding": 12},
        "title": "mean reward",
        "axis": {"tickCount": 8},
    }
    layers = [
        {
            "transform": [{"filter": "isValid(datum.worst)"}],
            "mark": {"type": "bar", "height": 18, "opacity": 0.22, "cornerRadius": 3},
            "encoding": {
                "x": x | {"field": "worst"},
                "x2": {"field": "best"},
                "color": _colour(targets),
                "tooltip": tip,
            },
        },
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
            "encoding": {
                "x": x | {"field": "low"},
                "x2": {"field": "high"},
                "color": _colour(targets),
                "tooltip": tip,
            },
        },
        {
            "transform": [{"filter": "isValid(datum.reward)"}],
            "mark": {"type": "point", "filled": True, "size": 120, "opacity": 1},
            "encoding": {"x": x | {"field": "reward"}, "color": _colour(targets), "tooltip": tip},
        },
    ]
    spec = _spec(values, {"layer": layers, "encoding": {"y": y}, "height": {"step": 44}})
    note = "Dot: mean of the known rewards. Line: where 95 % of repetitions would be."
    if any(value["worst"] is not None for value in values):
        note += " Pale bar: where the mean may lie once everything undecided is decided."
    return Chart("reward", "Reward", note, spec if values else None)


def _correctness_by_seconds(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    known = [row for row in rows if row.correctness is not None and seconds(row) is not None]
    values = [
        _about(row)
        | {"correctness": _rounded(row.correctness), "shown": _rounded((row.correctness or 0) + _jitter(row))}
        for row in _thinned(known)
    ]
    bottom = min([-0.1, *(float(value["correctness"]) - 0.1 for value in values)])
    spec = _spec(
        values,
        {
            "mark": {"type": "point", "filled": True, "size": 46, "opacity": 0.6},
            "encoding": {
                "x": _seconds_axis(),
                "y": {
                    "field": "shown",
                    "type": "quantitative",
                    "scale": {"domain": [bottom, 1.1], "nice": False},
                    "axis": {"values": [-1, -0.5, 0, 0.25, 0.5, 0.75, 1], "labelExpr": "datum.value"},
                    "title": "correctness",
                },
                "color": _colour(targets),
                "tooltip": _tips("target", "kind", "seconds", "correctness", "question", "answer"),
            },
            "height": 260,
        },
    )
    note = f"One dot per decided answer{_thinly(known)}, moved up or down a little so that equal ones show."
    return Chart("correctness-seconds", "Correctness against seconds", note, spec if values else None, True)


def _by_kind(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    scored = [row for row in rows if row.scored and correctness(row) is not None]
    counts = Counter(row.kind or "(no kind)" for row in scored)
    kinds = [kind for kind, _ in counts.most_common(MOST_KINDS)]
    values: list[dict[str, Any]] = []
    for kind in kinds:
        for target in targets:
            decided = [
                correctness(row) or 0.0
                for row in scored
                if row.target == target and (row.kind or "(no kind)") == kind
            ]
            if decided:
                mean = _rounded(fmean(decided))
                values.append({"kind": kind, "target": target, "correctness": mean, "decided": len(decided)})
    bottom = min([0.0, *(value["correctness"] for value in values)])
    spec = _spec(
        values,
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "minBandSize": 2},
            "encoding": {
                "y": {
                    "field": "kind",
                    "type": "nominal",
                    "sort": kinds,
                    "title": None,
                    "axis": {"labelLimit": 150, "ticks": False},
                    "scale": {"paddingInner": 0.3},
                },
                "yOffset": {"field": "target", "sort": list(targets)},
                "x": {
                    "field": "correctness",
                    "type": "quantitative",
                    "scale": {"domain": [bottom, 1]},
                    "title": "mean correctness of the decided",
                    "axis": {"tickCount": 5},
                },
                "color": _colour(targets),
                "tooltip": _tips("kind", "target", "correctness", "decided"),
            },
            "height": {"step": 14, "for": "offset"} if len(targets) > 1 else {"step": 22},
        },
    )
    note = "A kind with few questions says little: point at a bar to see how many."
    if len(counts) > MOST_KINDS:
        note += f" The {MOST_KINDS} commonest of {len(counts)} kinds with a decided answer."
    return Chart("kinds", "Correctness by kind of challenge", note, spec if values else None, True)


def _deadline(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    timed = [row for row in rows if seconds(row) is not None]
    values = [_about(row) for row in _thinned(timed)]
    deadlines = sorted({row.timeout for row in rows})
    layers: list[Spec] = [
        {
            "mark": {"type": "tick", "thickness": 2, "size": 22, "opacity": 0.55},
            "encoding": {
                "x": _seconds_axis(deadlines[-1] if deadlines else None),
                "y": _target_axis(),
                "color": _colour(targets),
                "tooltip": _tips("target", "kind", "seconds", "question", "answer"),
            },
        },
        {
            "data": {"values": [{"deadline": deadline} for deadline in deadlines]},
            "mark": {"type": "rule", "color": "var(--bad)", "strokeWidth": 2, "strokeDash": [6, 4]},
            "encoding": {"x": {"field": "deadline", "type": "quantitative"}, "tooltip": _tips("deadline")},
        },
    ]
    spec = _spec(values, {"layer": layers, "height": {"step": 44}})
    note = f"One stroke per answer{_thinly(timed)}; dashed: the deadline, after which nothing is earned."
    return Chart("deadline", "Seconds against the deadline", note, spec if values else None)


def _truth(rows: Sequence[Row], targets: Sequence[str]) -> Chart:
    counts = Counter(
        (row.target, _validators_word(row), _truths_word(row))
        for row in rows
        if row.scored and row.answer is not None
    )
    verdicts, truths = ("right", "wrong", "undecided"), ("right", "wrong", "unknown")
    values = [
        {
            "target": target,
            "validator": verdict,
            "truth": true,
            "answers": counts[target, verdict, true],
            "parted": {verdict, true} == {"right", "wrong"} and counts[target, verdict, true] > 0,
        }
        for target in dict.fromkeys(target for target, _, _ in counts)
        for verdict, true in product(verdicts, truths)
    ]
    cell: Spec = {
        "y": {"field": "validator", "type": "nominal", "sort": None, "title": "validator says"},
        "x": {
            "field": "truth",
            "type": "nominal",
            "sort": None,
            "title": "in truth",
            "axis": {"labelAngle": 0, "orient": "top"},
        },
        "row": {
            "field": "target",
            "sort": list(targets),
            "title": None,
            "header": {"labelOrient": "top", "labelAnchor": "start"},
        },
        "tooltip": _tips("target", "validator", "truth", "answers"),
    }
    inner: Spec = {
        "width": 225,
        "height": {"step": 34},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {
                    "color": {
                        "field": "parted",
                        "type": "nominal",
                        "scale": {"domain": [True, False], "range": ["var(--bad-soft)", "var(--cell)"]},
                        "legend": None,
                    }
                },
            },
            {
                "mark": {"type": "text", "fontSize": 14, "color": "var(--ink)"},
                "encoding": {"text": {"field": "answers", "type": "quantitative"}},
            },
        ],
        "encoding": {key: value for key, value in cell.items() if key != "row"},
    }
    spec = _spec(values, {"facet": {"row": cell["row"]}, "spec": inner}) if values else None
    if spec is not None:
        del spec["width"]
    note = (
        f"Answers by what the validator made of them (right from {RIGHT_FROM:g}) and what is true. "
        "Red: the two disagree; miners earn or lose there by chance."
    )
    return Chart("truth", "Where validator and truth disagree", note, spec)


def _spec(values: list[dict[str, Any]], more: Spec) -> Spec:
    return {"$schema": _SCHEMA, "data": {"values": values}, "width": "container", "config": CONFIG} | more


def _target_axis() -> Spec:
    return {
        "field": "target",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 150, "ticks": False, "grid": False},
    }


def _seconds_axis(deadline_s: float | None = None) -> Spec:
    scale: Spec = {"zero": True, "nice": False}
    if deadline_s is not None:
        scale = {"domain": {"unionWith": [0, deadline_s * 1.03]}, "nice": False}
    return {
        "field": "seconds",
        "type": "quantitative",
        "scale": scale,
        "title": "seconds",
        "axis": {"tickCount": 8},
    }


def _colour(targets: Sequence[str]) -> Spec:
    colours = [f"var(--s{place % SERIES})" for place in range(len(targets))]
    return {
        "field": "target",
        "type": "nominal",
        "scale": {"domain": list(targets), "range": colours},
        "legend": None,  # the page has one, which wraps
    }


def _tips(*names: str) -> list[Spec]:
    return [{"field": name, "title": name} for name in names]


def _about(row: Row) -> dict[str, Any]:
    return {
        "target": row.target,
        "kind": row.kind,
        "seconds": _rounded(row.process_time),
        "question": _short(row.question),
        "answer": _short(row.answer or ""),
    }


def _validators_word(row: Row) -> str:
    if row.correctness is None:
        return "undecided"
    return "right" if row.correctness >= RIGHT_FROM else "wrong"


def _truths_word(row: Row) -> str:
    return "unknown" if row.true is None else "right" if row.true else "wrong"


def _thinned(rows: Sequence[Row]) -> Sequence[Row]:
    step = -(-len(rows) // MOST_POINTS)
    return rows[::step] if step > 1 else rows


def _thinly(rows: Sequence[Row]) -> str:
    shown = len(_thinned(rows))
    return f" ({shown} of {len(rows)}, evenly chosen)" if shown < len(rows) else ""


def _jitter(row: Row) -> float:
    """-0.05 to 0.05, the same for the same row."""
    return zlib.crc32(f"{row.target} {row.id}".encode()) / 2**32 / 10 - 0.05


def _short(text: str, most: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--dim)",
        "titleColor": "var(--dim)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    },
    "header": {"labelColor": "var(--ink)", "labelFontSize": 13},
}
