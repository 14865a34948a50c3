"""The page's panels as HTML and chart options: a snapshot in, text out, every word escaped."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, TypeVar
from urllib.parse import quote

from logicnet.operate.console.snapshot import (
    CurrentChallenge,
    FinishedChallenge,
    HourMean,
    Snapshot,
    TimeBucket,
    clock,
    correctness_ends,
    correctness_words,
    down,
    ends_words,
    headline,
    percent,
    reason,
    score,
    seconds,
    short,
    span,
    urgency,
)
from logicnet.operate.telemetry.meter import ValidatorVolume

T = TypeVar("T")

FEW = 8  # Of a list that may be long, what is now without unfolding it
MOST_FOLDED = 256
MOST_DRAWN = 400
MOST_REFUSALS = 20

Rest = tuple[int, Callable[[], str]]
"""The folded rows of a list: their number, and a function that renders them."""

_DIM = "#87909a"  # readable on light and on dark
_LINE = "rgba(135, 144, 154, .25)"
_TOP = 42  # of a chart, below its legend
BLUE, AMBER, _GREEN, _RED, _VIOLET = "#3b8edb", "#d98a1a", "#2f9e64", "#d4483b", "#9a63c9"
_AREA = {"color": BLUE, "opacity": 0.12}


def head(now: Snapshot) -> str:
    """Which miner this is, since when it runs, and the level of its worst alert."""
    at = f'<span class="dim clock">{clock(now.at_s)} UTC</span>'
    if (miner := now.miner) is None:
        return f'<span class="dot bad"></span><b>No miner is running</b>{at}'
    worst = next(iter(now.alerts), None)
    level = worst.level if worst is not None and worst.level != "note" else "good"
    about = (
        f"solver {escape(miner.solver)}, up {span(now.at_s - miner.started_at_s)}, {escape(miner.version)}"
    )
    hotkey = f'<b title="{escape(miner.hotkey)}">{escape(short(miner.hotkey))}</b>'
    return f'<span class="dot {level}"></span>{hotkey}<span class="dim">{about}</span>{at}'


def badges(now: Snapshot) -> str:
    """Of every page: its connection is broken (page.css shows this one then), or the miner is down."""
    down = "" if now.miner else '<a class="badge bad" href="/">miner down</a>'
    return f'<span class="badge bad offline">offline</span>{down}'


def failed(what: str, why: object) -> str:
    return f'<p class="alert bad"><b>{escape(what)}</b><span>{escape(str(why))}</span></p>'


def first_hour(now: Snapshot) -> str:
    """What stands between a new miner and its first answer; nothing once it was asked."""
    if now.asked is not False:
        return ""
    miner, network = now.miner, now.miner.network if now.miner else None
    steps = [
        (miner is not None, "The miner runs", "Start it: <code>logicnet mine</code>, with the same ledger."),
        (
            any(one.healthy for one in now.servers),
            "A model server answers",
            "Loading a model can take minutes. <code>logicnet doctor</code> asks it a question.",
        ),
        (
            network is not None and network.rank is not None,
            "The hotkey is registered",
            "<code>btcli subnets register</code>: the miner's log has the whole command.",
        ),
        (
            bool(now.volumes),
            "A validator has asked how much it may send",
            "Validators come by themselves. <code>logicnet doctor</code> checks that the port is reached.",
        ),
        (
            False,
            "The first challenge",
            "It appears below with the seconds that are left, then with its answer.",
        ),
    ]
    rows = "".join(
        f'<li class="{"done" if done else "open"}"><b>{what}</b> '
        f'<span class="dim">{"done" if done else how}</span></li>'
        for done, what, how in steps
    )
    return f'<ol class="steps">{rows}</ol>'


def figures(now: Snapshot) -> str:
    return "".join(
        f'<div class="figure"><span class="dim">{escape(name)}</span><b>{escape(figure)}</b>'
        f'<span class="dim">{escape(word)}</span></div>'
        for name, figure, word in headline(now)
    )


def alerts(now: Snapshot) -> str:
    if not now.alerts:
        return '<p class="calm"><span class="dot good"></span>Nothing needs attention.</p>'
    return "".join(
        f'<p class="alert {one.level}"><b>{escape(one.what)}</b><span>{escape(one.mend)}</span></p>'
        for one in now.alerts
    )


def solving(now: Snapshot) -> str:
    """The challenges in flight, the most urgent first, each with a bar of the time it has left."""
    if not now.solving:
        return '<p class="empty">No challenge is in flight. Each appears here when it is admitted.</p>'
    return _skyline(now.solving) + _solving_rows(now.solving[:FEW])


def rest_of_solving(now: Snapshot) -> Rest:
    return _rest(now.solving, _solving_rows)


def _skyline(solving: Sequence[CurrentChallenge]) -> str:
    """A bar for each challenge, as high as the time it has left; and the number of each urgency.

    Of more than `MOST_DRAWN` challenges every second is drawn, or every third, and so on.
    """
    if len(solving) <= FEW:
        return ""
    counts = Counter(urgency(one)[1] for one in solving)
    counted = "".join(
        f'<span><span class="dot {level}"></span><b>{counts[level]}</b> {words}</span>'
        for level, words in _URGENCY.items()
    )
    drawn = solving[:: 1 + (len(solving) - 1) // MOST_DRAWN]
    strokes = dict.fromkeys(_URGENCY, "")
    for number, one in enumerate(drawn):
        share, level = urgency(one)
        strokes[level] += f"M{number} 100v-{max(2, 100 * share):.0f}h.8V100z"
    paths = "".join(f'<path class="{level}" d="{path}"/>' for level, path in strokes.items())
    return (
        f'<svg class="skyline" viewBox="0 0 {len(drawn)} 100" preserveAspectRatio="none" '
        f'role="img" aria-label="time left of each, the most urgent first">{paths}</svg>'
        f'<p class="urgency">{counted}</p>'
    )


_URGENCY = {
    "bad": "with less than a fifth of their time left",
    "warning": "with less than half",
    "good": "with more",
}


def _solving_rows(solving: Iterable[CurrentChallenge]) -> str:
    rows = ""
    for one in solving:
        share, level = urgency(one)
        question = escape(one.question) or "&hellip;"
        rows += (
            f'<div class="one">{_key(one)}'
            f'<span class="bar {level}"><i style="width:{100 * share:.0f}%"></i></span>'
            f'<span class="left">{seconds(max(0.0, one.left_s))}</span>'
            f'<a class="text" href="{address(one.challenge_id)}">{question}</a></div>'
        )
    return f'<div class="live">{rows}</div>'


def address(challenge_id: str) -> str:
    """Of the page of one challenge, to be written into HTML."""
    return escape(f"/challenges/{quote(challenge_id, safe='')}")


def _key(one: CurrentChallenge | ValidatorVolume) -> str:
    return f'<span class="key" title="{escape(one.validator)}">{escape(short(one.validator))}</span>'


def answers(now: Snapshot) -> str:
    if not now.answers:
        return '<p class="empty">No answer in the last hour.</p>'
    return _answers(now.answers[:FEW])


def rest_of_answers(now: Snapshot) -> Rest:
    return _rest(now.answers, _answers)


def _answers(answers: Iterable[FinishedChallenge]) -> str:
    head = "".join(f"<th{' class=num' if n in _NUMBERS else ''}>{n}</th>" for n in _COLUMNS)
    rows = "".join(map(_answer_row, answers))
    return f'<table class="answers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


_COLUMNS = ("ended", "took", "reward", "correct", "outcome", "answer", "question")
_NUMBERS = ("took", "reward", "correct")
KNOWN_BY = {
    "run": "scored by a run of ours",
    "exact": "the answer was computed; the reasoning is taken as half similar",
    "judge": "right or wrong by --console.judge; the reasoning is taken as half similar",
    "silence": "not in time: the reward is 0",
    "": "unknown: validators do not publish it",
}


def _answer_row(one: FinishedChallenge) -> str:
    level = "bad" if not one.in_time else "good" if one.outcome == "solved" else "warning"
    why = f' title="{escape(one.error)}"' if one.error else ""
    known = escape(KNOWN_BY[one.known_by])
    return (
        f'<tr><td><a href="{address(one.challenge_id)}">{clock(one.at_s)}</a></td>'
        f'<td class="num">{seconds(one.seconds)}</td>'
        f'<td class="num" title="{known}">{score(one.reward)}</td>'
        f'<td class="num" title="{known}">{score(one.correctness)}</td>'
        f'<td{why}><span class="dot {level}"></span>{escape(one.outcome.replace("_", " "))}</td>'
        f'<td class="text"><b>{escape(one.answer)}</b></td>'
        f'<td class="text dim" title="{escape(one.question)}">{escape(one.question)}</td></tr>'
    )


def volume(now: Snapshot) -> str:
    if not now.volumes:
        return '<p class="empty">No validator has asked yet.</p>'
    return _volumes(now, now.volumes[:FEW])


def rest_of_volume(now: Snapshot) -> Rest:
    return _rest(now.volumes, lambda rest: _volumes(now, rest))


def _volumes(now: Snapshot, volumes: Iterable[ValidatorVolume]) -> str:
    rows = []
    for one in volumes:
        kept = min(1.0, one.kept / one.announced) if one.announced else 0.0
        given = min(1.0, one.given / one.announced) if one.announced else 0.0
        refused = f", {one.refused} refused" if one.refused else ""
        over = f" ({one.given - one.announced} over it)" if one.given > one.announced else ""
        rows.append(
            f'<div class="volume{" over" if now.is_over(one) else ""}">'
            f'<a href="/challenges?validator={quote(one.validator)}">{_key(one)}</a>'
            f'<span class="bar two"><i class="given" style="width:{100 * given:.1f}%"></i>'
            f'<i class="kept" style="width:{100 * kept:.1f}%"></i></span>'
            f'<span class="dim">{one.kept} kept of {one.given} given, '
            f"{one.announced} announced{over}{refused}</span>"
            "</div>"
        )
    return "".join(rows)


def refusals(now: Snapshot) -> str:
    if not now.refusals:
        return '<p class="empty">No request was refused in the last hour.</p>'
    most = max(one.count for one in now.refusals)
    return "".join(
        f'<div class="refusal" title="{escape(one.message)}">'
        f"<span>{escape(one.reason.replace('_', ' '))}</span>"
        f'<span class="bar"><i style="width:{100 * one.count / most:.0f}%"></i></span>'
        f'<span class="num">{one.count}</span></div>'
        for one in now.refusals[:MOST_REFUSALS]
    )


def servers(now: Snapshot) -> str:
    if not now.servers:
        return '<p class="empty">Known when the miner runs.</p>'
    rows = []
    calls_of_all = max(1, sum(one.calls for one in now.servers))
    for one in now.servers:
        speed = "" if one.tokens_per_s is None else f", {one.tokens_per_s:.0f} tokens/s"
        spent = f", spent {one.spent:.2f} today" if one.paid else ""
        calls = "1 call" if one.calls == 1 else f"{one.calls} calls"
        level = "good" if one.healthy else "bad"
        error = "" if one.healthy else f"{down(one, now.at_s)}: {reason(one)}"
        rows.append(
            f'<div class="server"><span class="dot {level}"></span><b>{escape(one.name)}</b>'
            f'<span class="why">{escape(error)}</span>'
            f'<span class="bar"><i style="width:{100 * one.calls / calls_of_all:.0f}%"></i></span>'
            f'<span class="dim">{calls} in flight{speed}{spent}</span></div>'
        )
    return "".join(rows)


def trend(buckets: Sequence[TimeBucket], times: str = "%H:%M") -> dict[str, Any]:
    """ECharts: seconds and correctness over time; `times` is how the start of an interval is written.

    Correctness is drawn as what it is at least and at most, for all answers in time: the computed ones alone
    are the easy ones.
    """
    at = [datetime.fromtimestamp(one.at_s, UTC).strftime(times) for one in buckets]
    missed = [one.missed or None for one in buckets]
    none_yet = not any(one.answered for one in buckets)
    least = [_round(one.correct_low) for one in buckets]
    most = [_round(one.correct_high) for one in buckets]
    negative = any(value is not None and value < 0 for value in least)
    bars = {"type": "bar", "itemStyle": {"color": _RED, "opacity": 0.6}, "barMaxWidth": 8}
    return {
        **chart(at),
        "media": [
            {"query": {"maxWidth": 480}, "option": {"grid": {"top": 64}}},  # the legend takes two lines
            {"option": {"grid": {"top": _TOP}}},
        ],
        "grid": {"left": 8, "right": 8, "top": _TOP, "bottom": 34, "containLabel": True},
        "dataZoom": [{"type": "slider", "height": 18, "bottom": 4, "textStyle": {"color": _DIM}}],
        "yAxis": [
            axis("seconds", high=60 if none_yet else None),
            axis("correct", low=-1 if negative else 0, high=1, right=True),
        ],
        "series": [
            line("median seconds", [_round(one.median_s) for one in buckets], BLUE, areaStyle=_AREA),
            line("slowest tenth", [_round(one.slow_s) for one in buckets], AMBER, dashed=True),
            line("correct at least", least, _GREEN, yAxisIndex=1),
            line("correct at most", most, _GREEN, dashed=True, yAxisIndex=1),
            {"name": "not in time", "data": missed, **bars},
        ],
    }


def ranks(now: Snapshot) -> dict[str, Any]:
    """ECharts: rank, incentive and stake over the chain's epochs."""
    at = [datetime.fromtimestamp(one.at_s, UTC).strftime("%d %b %H:%M") for one in now.ranks]
    first = all(one.rank in (1, None) for one in now.ranks)
    whole = {"inverse": True, "minInterval": 1, "nameLocation": "start"}
    rank = {**axis("rank", low=1, high=2 if first else None), **whole}
    return {
        **chart(at),
        "yAxis": [rank, axis("incentive", right=True), {**axis("stake", right=True), "show": False}],
        "series": [
            line("rank", [one.rank for one in now.ranks], _VIOLET, step="end"),
            line("incentive", [round(one.incentive, 6) for one in now.ranks], _GREEN, yAxisIndex=1),
            line("stake", [round(one.stake, 2) for one in now.ranks], AMBER, dashed=True, yAxisIndex=2),
        ],
    }


def trend_words(
    buckets: Sequence[TimeBucket],
    span_name: str = "hour",
    unread: int = 0,
    correctness: HourMean | None = None,
) -> str:
    """`trend` in a line, for readers who do not see the chart; `correctness` is that of the hour."""
    answered = sum(one.answered for one in buckets)
    missed = sum(one.missed for one in buckets)
    reading = f" Reading the ledger: {unread} of {len(buckets)} intervals are left." if unread else ""
    if not answered:
        return f"No answers in the last {span_name}.{reading}"
    if span_name == "hour" and correctness is not None:
        correct = correctness_words(correctness)
    else:
        correct = ends_words(*correctness_ends(buckets))
        if any(one.correct_low is not None for one in buckets):
            correct += ", by a sample of each interval"
    answers = "1 answer" if answered == 1 else f"{answered} answers"
    in_time = f"{percent(answered - missed, answered)} in time"
    return escape(f"{answers}, {in_time}; correctness {correct}.{reading}")


def chart(at: list[str]) -> dict[str, Any]:
    return {
        "animation": False,
        "textStyle": {"color": _DIM, "fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 8, "right": 8, "top": _TOP, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": {"textStyle": {"color": _DIM}, "top": 0, "itemWidth": 14, "itemHeight": 8},
        "xAxis": {
            "type": "category",
            "data": at,
            "axisLine": {"lineStyle": {"color": _LINE}},
            "axisTick": {"show": False},
            "axisLabel": {"color": _DIM, "hideOverlap": True},
        },
    }


def axis(name: str, low: float | None = 0, high: float | None = None, right: bool = False) -> dict[str, Any]:
    return {
        "type": "value",
        "name": name,
        "nameTextStyle": {"color": _DIM, "align": "right" if right else "left"},  # stays inside the chart
        "nameGap": 8,
        "axisLabel": {"color": _DIM},
        "splitLine": {"show": not right, "lineStyle": {"color": _LINE}},
        "position": "right" if right else "left",
        "min": low,
        "max": high,  # even None: ECharts keeps the earlier value
    }


def line(name: str, data: list[Any], colour: str, *, dashed: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "data": data,
        "symbol": "circle",
        "showSymbol": sum(value is not None for value in data) < 3,
        "showAllSymbol": True,
        "connectNulls": True,
        "lineStyle": {"color": colour, "width": 2, "type": "dashed" if dashed else "solid"},
        "itemStyle": {"color": colour},
        **more,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _rest(items: Sequence[T], render: Callable[[Sequence[T]], str]) -> Rest:
    rest = items[FEW:]
    over = len(rest) - MOST_FOLDED
    more = f'<p class="empty">and {over} more</p>' if over > 0 else ""
    return len(rest), lambda: render(rest[:MOST_FOLDED]) + more
