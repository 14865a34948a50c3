"""The page's panels as HTML and charts' options. Pure: a snapshot in, text out, every word escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

from logicnet.console.snapshot import Answer, Snapshot, Solving
from logicnet.console.words import NOTHING, clock, headline, percent, score, seconds, short, span

MOST_SOLVING = 60
MOST_ANSWERS = 100
MOST_VALIDATORS = 40
MOST_REFUSALS = 20

_DIM = "#87909a"  # readable on light and on dark
_LINE = "rgba(135, 144, 154, .25)"
_BLUE, _AMBER, _GREEN, _RED, _VIOLET = "#3b8edb", "#d98a1a", "#2f9e64", "#d4483b", "#9a63c9"


def head(seen: Snapshot) -> str:
    """Who is watched, since when, and whether it runs."""
    at = f'<span class="dim clock">{clock(seen.at_s)} UTC</span>'
    if (miner := seen.miner) is None:
        return f'<span class="dot bad"></span><b>No miner is running</b>{at}'
    worst = next(iter(seen.concerns), None)
    level = worst.level if worst is not None and worst.level != "note" else "good"
    about = (
        f"solver {escape(miner.solver)}, up {span(seen.at_s - miner.started_at_s)}, {escape(miner.version)}"
    )
    hotkey = f'<b title="{escape(miner.hotkey)}">{escape(short(miner.hotkey))}</b>'
    return f'<span class="dot {level}"></span>{hotkey}<span class="dim">{about}</span>{at}'


def figures(seen: Snapshot) -> str:
    """The headline."""
    return "".join(
        f'<div class="figure"><span class="dim">{escape(name)}</span><b>{escape(figure)}</b>'
        f'<span class="dim">{escape(word)}</span></div>'
        for name, figure, word in headline(seen)
    )


def concerns(seen: Snapshot) -> str:
    """What needs attention."""
    if not seen.concerns:
        return '<p class="calm"><span class="dot good"></span>Nothing needs attention.</p>'
    return "".join(
        f'<p class="concern {one.level}"><b>{escape(one.what)}</b><span>{escape(one.mend)}</span></p>'
        for one in seen.concerns
    )


def solving(seen: Snapshot) -> str:
    """What is being solved, the most urgent first, each with a bar of the time it has left."""
    if not seen.solving:
        return '<p class="empty">Nothing right now. A challenge appears here the moment it is admitted.</p>'
    rows = "".join(map(_solving_row, seen.solving[:MOST_SOLVING]))
    return f'<div class="live">{rows}</div>{_more(len(seen.solving), MOST_SOLVING)}'


def _solving_row(one: Solving) -> str:
    share = min(1.0, max(0.0, one.left_s / one.allowed_s)) if one.allowed_s else 0.0
    level = "good" if share > 0.5 else "warning" if share > 0.2 else "bad"
    question = escape(one.question) or "&hellip;"
    return (
        f'<div class="one" data-challenge="{escape(one.challenge_id)}">'
        f'<span class="key" title="{escape(one.validator)}">{escape(short(one.validator))}</span>'
        f'<span class="bar {level}"><i style="width:{100 * share:.0f}%"></i></span>'
        f'<span class="left">{seconds(max(0.0, one.left_s))}</span>'
        f'<span class="text" title="{question}">{question}</span></div>'
    )


def answers(seen: Snapshot) -> str:
    """Those of the last hour, the newest first."""
    if not seen.answers:
        return '<p class="empty">None in the last hour.</p>'
    head = "".join(f"<th{' class=num' if n in _NUMBERS else ''}>{n}</th>" for n in _COLUMNS)
    rows = "".join(map(_answer_row, seen.answers[:MOST_ANSWERS]))
    table = f'<table class="answers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="tall">{table}</div>' + _more(len(seen.answers), MOST_ANSWERS)


_COLUMNS = ("ended", "took", "reward", "correct", "outcome", "answer", "question")
_NUMBERS = ("took", "reward", "correct")
_KNOWN_BY = {
    "run": "scored by a run of ours",
    "exact": "what is asked was computed; the reasoning counts as half alike",
    "silence": "not in time: nothing is earned",
    "": "validators do not tell",
}


def _answer_row(one: Answer) -> str:
    level = "bad" if not one.in_time else "good" if one.outcome == "solved" else "warning"
    why = f' title="{escape(one.error)}"' if one.error else ""
    known = escape(_KNOWN_BY[one.known_by])
    return (
        f"<tr><td>{clock(one.at_s)}</td>"
        f'<td class="num">{seconds(one.seconds)}</td>'
        f'<td class="num" title="{known}">{score(one.reward)}</td>'
        f'<td class="num" title="{known}">{score(one.correctness)}</td>'
        f'<td{why}><span class="dot {level}"></span>{escape(one.outcome.replace("_", " "))}</td>'
        f'<td class="text"><b>{escape(one.answer)}</b></td>'
        f'<td class="text dim" title="{escape(one.question)}">{escape(one.question)}</td></tr>'
    )


def volume(seen: Snapshot) -> str:
    """What was promised and kept, by validator."""
    if not seen.promises:
        return '<p class="empty">No validator has asked yet.</p>'
    rows = []
    for one in seen.promises[:MOST_VALIDATORS]:
        kept = min(1.0, one.kept / one.promised) if one.promised else 0.0
        given = min(1.0, one.given / one.promised) if one.promised else 0.0
        over = seen.miner is not None and seen.at_s >= one.started_at_s + seen.miner.interval_s
        refused = f", {one.refused} refused" if one.refused else ""
        rows.append(
            f'<div class="promise{" over" if over else ""}">'
            f'<span class="key" title="{escape(one.validator)}">{escape(short(one.validator))}</span>'
            f'<span class="bar two"><i class="given" style="width:{100 * given:.1f}%"></i>'
            f'<i class="kept" style="width:{100 * kept:.1f}%"></i></span>'
            f'<span class="dim">{one.kept} kept of {one.given} given, {one.promised} promised{refused}</span>'
            "</div>"
        )
    return "".join(rows) + _more(len(seen.promises), MOST_VALIDATORS)


def refusals(seen: Snapshot) -> str:
    """Of the last hour, by reason."""
    if not seen.refusals:
        return '<p class="empty">Nobody was refused in the last hour.</p>'
    most = max(one.count for one in seen.refusals)
    return "".join(
        f'<div class="refusal" title="{escape(one.message)}">'
        f"<span>{escape(one.reason.replace('_', ' '))}</span>"
        f'<span class="bar"><i style="width:{100 * one.count / most:.0f}%"></i></span>'
        f'<span class="num">{one.count}</span></div>'
        for one in seen.refusals[:MOST_REFUSALS]
    )


def servers(seen: Snapshot) -> str:
    """The model servers with load and speed."""
    if not seen.servers:
        return '<p class="empty">Known once the miner runs.</p>'
    rows = []
    for one in seen.servers:
        speed = NOTHING if one.tokens_per_s is None else f"{one.tokens_per_s:.0f} tokens/s"
        spent = f", spent {one.spent:.2f} today" if one.paid else ""
        calls = "1 call" if one.calls == 1 else f"{one.calls} calls"
        told = f'<span class="why">{escape(one.why or "does not answer")}</span>' if not one.well else ""
        rows.append(
            f'<div class="server"><span class="dot {"good" if one.well else "bad"}"></span>'
            f"<b>{escape(one.name)}</b>"
            f'<span class="dim">{calls} in flight, {speed}{spent}</span>{told}</div>'
        )
    return "".join(rows)


def trend(seen: Snapshot) -> dict[str, Any]:
    """ECharts: seconds and correctness over time."""
    at = [clock(one.at_s)[:5] for one in seen.slots]
    missed = [one.missed or None for one in seen.slots]
    return {
        **_chart(at),
        "legend": _legend(),
        "yAxis": [_axis("seconds"), _axis("correct", low=-1 if _negative(seen) else 0, high=1, right=True)],
        "series": [
            _line("median seconds", [_round(one.median_s) for one in seen.slots], _BLUE, area=True),
            _line("slowest tenth", [_round(one.slow_s) for one in seen.slots], _AMBER, dashed=True),
            {
                **_line("correctness, where known", [_round(one.correctness) for one in seen.slots], _GREEN),
                "yAxisIndex": 1,
            },
            {
                "name": "not in time",
                "type": "bar",
                "data": missed,
                "itemStyle": {"color": _RED, "opacity": 0.6},
                "barMaxWidth": 8,
            },
        ],
    }


def ranks(seen: Snapshot) -> dict[str, Any]:
    """ECharts: rank, incentive and stake over the chain's epochs."""
    places = seen.places
    at = [_day(one.at_s) for one in places]
    rank = {**_axis("rank"), "inverse": True, "min": 1, "minInterval": 1, "nameLocation": "start"}
    return {
        **_chart(at),
        "legend": _legend(),
        "yAxis": [rank, _axis("incentive", right=True), {**_axis("stake", right=True), "show": False}],
        "series": [
            {**_line("rank", [one.rank for one in places], _VIOLET), "step": "end"},
            {**_line("incentive", [round(one.incentive, 6) for one in places], _GREEN), "yAxisIndex": 1},
            {
                **_line("stake", [round(one.stake, 2) for one in places], _AMBER, dashed=True),
                "yAxisIndex": 2,
            },
        ],
    }


def trend_words(seen: Snapshot) -> str:
    """The same in a line, for those who do not see the chart."""
    answered = sum(one.answered for one in seen.slots)
    missed = sum(one.missed for one in seen.slots)
    known = sum(one.known for one in seen.slots)
    right = sum((one.correctness or 0.0) * one.known for one in seen.slots) / known if known else None
    correct = (
        f"correctness {score(right)} over the {known} where it is known"
        if known
        else "correctness is known of none"
    )
    return escape(f"{answered} answers, {percent(answered - missed, answered)} in time; {correct}.")


def _negative(seen: Snapshot) -> bool:
    return any(one.correctness is not None and one.correctness < 0 for one in seen.slots)


def _chart(at: list[str]) -> dict[str, Any]:
    return {
        "animation": False,
        "textStyle": {"color": _DIM, "fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 8, "right": 8, "top": 42, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "category",
            "data": at,
            "axisLine": {"lineStyle": {"color": _LINE}},
            "axisTick": {"show": False},
            "axisLabel": {"color": _DIM, "hideOverlap": True},
        },
    }


def _legend() -> dict[str, Any]:
    return {"textStyle": {"color": _DIM}, "top": 0, "itemWidth": 14, "itemHeight": 8, "type": "scroll"}


def _axis(name: str, low: float | None = 0, high: float | None = None, right: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "value",
        "name": name,
        "nameTextStyle": {"color": _DIM},
        "nameGap": 8,
        "axisLabel": {"color": _DIM},
        "splitLine": {"show": not right, "lineStyle": {"color": _LINE}},
        "position": "right" if right else "left",
    }
    return found | {key: value for key, value in (("min", low), ("max", high)) if value is not None}


def _line(
    name: str, data: list[Any], colour: str, *, area: bool = False, dashed: bool = False
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": name,
        "type": "line",
        "data": data,
        "showSymbol": sum(value is not None for value in data) < 3,
        "connectNulls": True,
        "lineStyle": {"color": colour, "width": 2, "type": "dashed" if dashed else "solid"},
        "itemStyle": {"color": colour},
    }
    return line | ({"areaStyle": {"color": colour, "opacity": 0.12}} if area else {})


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _day(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d %b %H:%M")


def _more(count: int, shown: int) -> str:
    return f'<p class="empty">and {count - shown} more</p>' if count > shown else ""
