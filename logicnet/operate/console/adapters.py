"""The page of adapters, `/adapters`: which serves, what proved it, and its reward over the rounds."""

import time
from dataclasses import dataclass
from html import escape
from typing import Any

from logicnet.errors import TuningError
from logicnet.operate.adapter_tables import proven_by
from logicnet.operate.console.panels import BLUE, axis, chart, line
from logicnet.tuning.improve.adapters import Adapter, AdapterState, AdapterStore

_DOTS = {
    AdapterState.SERVING: "good",
    AdapterState.REFUSED: "bad",
    AdapterState.ROLLED_BACK: "warning",
}


@dataclass(frozen=True, slots=True)
class AdaptersSnapshot:
    """The newest first; `error` if the table cannot be read."""

    adapters: tuple[Adapter, ...] = ()
    error: str = ""

    def in_state(self, state: AdapterState) -> Adapter | None:
        return next((one for one in self.adapters if one.state is state), None)


def snapshot(store: AdapterStore) -> AdaptersSnapshot:
    """Blocks."""
    try:
        return AdaptersSnapshot(tuple(store.all()))
    except TuningError as error:
        return AdaptersSnapshot(error=str(error))


def table(now: AdaptersSnapshot) -> str:
    """All adapters, as a table."""
    if now.error:
        return f'<p class="alert bad"><b>The table cannot be read</b><span>{escape(now.error)}</span></p>'
    if not now.adapters:
        words = "No adapter yet: the base serves. <code>logicnet tune improve</code> makes one."
        return f'<p class="empty">{words}</p>'
    heads = ("adapter", "state", "base", "proven by", "served since", "why")
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(map(_row, now.adapters))
    return f'<table class="jobs"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(one: Adapter) -> str:
    since = "" if one.served_s is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(one.served_s))
    return (
        f'<tr><td class="key">{escape(one.name)}</td>'
        f'<td><span class="dot {_DOTS.get(one.state, "")}"></span>{escape(one.state.replace("_", " "))}</td>'
        f'<td class="text" title="{escape(one.base)}">{escape(one.base)}</td>'
        f"<td>{escape(proven_by(one.proof))}</td><td>{since}</td>"
        f'<td class="text" title="{escape(one.reason)}">{escape(one.reason)}</td></tr>'
    )


def serving(now: AdaptersSnapshot) -> str:
    """What serves, and what would after a roll back."""
    found, before = now.in_state(AdapterState.SERVING), now.in_state(AdapterState.PREVIOUS)
    if found is None:
        return "<p>The base serves: there is nothing to roll back.</p>"
    hour = "" if found.kept_s is not None else " Its first hour is being watched."
    back = f"{escape(before.name)} serves" if before is not None else "the base serves"
    return f"<p><b>{escape(found.name)}</b> serves.{hour} After a roll back {back} again.</p>"


def rewards(now: AdaptersSnapshot) -> dict[str, Any]:
    """ECharts: what each proof gained over the model before it, with its interval, over the rounds."""
    proven = [one for one in reversed(now.adapters) if one.proof is not None]
    drawn = chart([one.name for one in proven])

    def values(name: str) -> list[float | None]:
        found = [(one.proof or {}).get(name) for one in proven]
        return [round(one, 4) if isinstance(one, int | float) else None for one in found]

    return {
        **drawn,
        "yAxis": [axis("reward gained", low=None)],
        "series": [
            line("gain", values("reward"), BLUE),
            line("95 % low", values("low"), BLUE, dashed=True),
            line("95 % high", values("high"), BLUE, dashed=True),
        ],
    }
