"""The terminal view: the facts of the page in one column, from 60 characters of width."""

import time
from collections.abc import Callable, Collection

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from logicnet.operate.console.income import facts
from logicnet.operate.console.snapshot import (
    NOTHING,
    Snapshot,
    clock,
    correctness_words,
    headline,
    score,
    seconds,
    short,
    span,
    urgency,
)
from logicnet.operate.console.source import MinerSource

REFRESH_S = 1.0
_STYLES = {"bad": "bold red", "warning": "yellow", "note": "dim"}
_BAR = 10  # characters
_BAR_STYLES = {"good": "green", "warning": "yellow", "bad": "red"}
_BLOCKS = "▁▂▃▄▅▆▇█"
_NARROW = 80
_ABREAST = 140  # columns from which on the five headline figures fit beside each other


def top(
    source: MinerSource, console: Console, *, once: bool = False, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Update the terminal until Ctrl-C; print one snapshot if `once`, or where there is no terminal."""
    if once or not console.is_terminal:
        console.print(view(source.snapshot(), console.width, 1000))
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(view(source.snapshot(), console.width, console.height), refresh=True)
            sleep(REFRESH_S)


def view(now: Snapshot, width: int, height: int) -> RenderableType:
    """The snapshot in about `height` lines, the most urgent first."""
    narrow = width < _NARROW
    in_rows = width < _ABREAST
    parts = [_head(now), _figures(now, in_rows), _alerts(now, 4)]
    used = 3 + (5 if in_rows else 2) + 2 * min(4, len(now.alerts))
    left = max(12, height - used)
    parts += [
        _solving(now, max(3, left // 3)),
        _answers(now, max(3, left // 4), narrow),
        _trend(now, width),
        _volumes(now, max(2, left // 8)),
        _refusals(now, max(2, left // 8)),
        _servers(now, 4),
        _ranks(now),
        _income(now),
    ]
    return Group(*(part for part in parts if part is not None))


def _head(now: Snapshot) -> Text:
    which = ("no miner is running", "bold red")
    if now.miner is not None:
        up = span(now.at_s - now.miner.started_at_s)
        which = (f"{short(now.miner.hotkey)}, solver {now.miner.solver}, up {up}", "cyan")
    parts = (("logicnet ", "bold"), which, (f"  {clock(now.at_s)} UTC", "dim"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _figures(now: Snapshot, in_rows: bool) -> RenderableType:
    figures = headline(now)
    if in_rows:
        table = _table("", "", "")
        for name, figure, word in figures:
            table.add_row(Text(name, "dim"), Text(figure, "bold"), Text(word, "dim"))
        return table
    grid = Table.grid(expand=True, padding=(0, 2))
    for _ in figures:
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_row(*(Text(figure, "bold") for _, figure, _ in figures))
    grid.add_row(*(Text(f"{name}, {word}", "dim") for name, _, word in figures))
    return grid


def _alerts(now: Snapshot, most: int) -> RenderableType | None:
    if not now.alerts:
        return Text("Nothing needs attention.", "green")
    lines = []
    for one in now.alerts[:most]:
        lines.append(Text("! " + one.what, _STYLES[one.level]))
        lines.append(Text("  " + one.mend, "dim"))
    if len(now.alerts) > most:
        lines.append(Text(f"  and {len(now.alerts) - most} more", "dim"))
    return Group(*lines)


def _solving(now: Snapshot, most: int) -> RenderableType:
    table = _table("In flight", "validator", "time left", "", "question", texts=["question"])
    for one in now.solving[:most]:
        share, level = urgency(one)
        full = round(share * _BAR)
        bar = Text("━" * full, _BAR_STYLES[level]) + Text("━" * (_BAR - full), "grey30")
        left = seconds(max(0.0, one.left_s))
        table.add_row(short(one.validator), bar, left, Text(one.question or "...", "dim"))
    if not now.solving:
        table.add_row(NOTHING, "", "", Text("none", "dim"))
    if len(now.solving) > most:
        table.add_row("", Text(f"and {len(now.solving) - most} more", "dim"), "", "")
    return table


def _answers(now: Snapshot, most: int, narrow: bool) -> RenderableType:
    texts = ["answer"] if narrow else ["answer", "question"]
    table = _table("Answered", "ended", "took", "reward", "outcome", numbers=["took", "reward"], texts=texts)
    for one in now.answers[:most]:
        style = "" if one.in_time else "red"
        row: list[str | Text] = [clock(one.at_s), seconds(one.seconds), score(one.reward), one.outcome]
        row += [Text(one.answer, "bold"), *([] if narrow else [Text(one.question, "dim")])]
        table.add_row(*row, style=style)
    if not now.answers:
        table.add_row(NOTHING, "", "", "", Text("none in the last hour", "dim"))
    return table


def _trend(now: Snapshot, width: int) -> RenderableType | None:
    if not any(one.answered for one in now.buckets):
        return None
    values = [one.median_s for one in now.buckets]
    most = max(value for value in values if value is not None)
    line = Text("Median ", "bold", no_wrap=True)
    for value, bucket in zip(values, now.buckets, strict=True):
        step = " " if value is None else _BLOCKS[min(7, int(8 * value / most)) if most else 0]
        line.append(step, "red" if bucket.missed else "cyan")
    line.append(f" up to {seconds(most)}", "dim")
    if (correctness := now.correctness) is None:
        return line
    return Group(line, Text(f"Correctness {correctness_words(correctness)}", "dim"))


def _volumes(now: Snapshot, most: int) -> RenderableType | None:
    if not now.volumes:
        return None
    numbers = ("announced", "given", "kept", "refused")
    table = _table("Volume", "validator", *numbers, numbers=numbers)
    for one in now.volumes[:most]:
        table.add_row(short(one.validator), *map(str, (one.announced, one.given, one.kept, one.refused)))
    return table


def _refusals(now: Snapshot, most: int) -> RenderableType | None:
    if not now.refusals:
        return None
    table = _table("Refused", "reason", "times", "said last", numbers=["times"], texts=["said last"])
    for one in now.refusals[:most]:
        table.add_row(one.reason, str(one.count), Text(one.message, "dim"))
    return table


def _servers(now: Snapshot, most: int) -> RenderableType | None:
    if not now.servers:
        return None
    table = _table(
        "Models", "endpoint", "calls", "tokens/s", "", numbers=["calls", "tokens/s"], texts=["endpoint"]
    )
    for one in now.servers[:most]:
        speed = NOTHING if one.tokens_per_s is None else f"{one.tokens_per_s:.0f}"
        lasts = "" if one.down_since_s is None else f" {span(now.at_s - one.down_since_s)}"
        state = Text("up", "green") if one.healthy else Text(f"down{lasts}", "red")
        table.add_row(one.name, str(one.calls), speed, state)
    return table


def _ranks(now: Snapshot) -> RenderableType | None:
    ranks = [one.rank for one in now.ranks if one.rank is not None][-_NARROW // 2 :]
    if len(ranks) < 2:
        return None
    worst, best = max(ranks), min(ranks)
    line = Text("Rank ", "bold", no_wrap=True)
    for rank in ranks:
        line.append(_BLOCKS[round(7 * (worst - rank) / (worst - best)) if worst > best else 4], "magenta")
    line.append(f" {ranks[-1]} now, best {best}, worst {worst}", "dim")
    return line


def _income(now: Snapshot) -> RenderableType | None:
    if now.miner is None or now.miner.standing is None:
        return None
    said = " · ".join(figure for _, figure, _ in facts(now))
    return Text.assemble(("Income ", "bold"), said, no_wrap=True, overflow="ellipsis")


def _table(title: str, *columns: str, numbers: Collection[str] = (), texts: Collection[str] = ()) -> Table:
    """`texts` share the width that the other columns leave."""
    table = Table(title=title or None, box=None, pad_edge=False, expand=True, show_header=bool(title))
    table.title_justify, table.title_style, table.header_style = "left", "bold", "dim"
    for name in columns:
        justify: JustifyMethod = "right" if name in numbers else "left"
        table.add_column(name, justify=justify, no_wrap=True, ratio=1 if name in texts else None)
    return table
