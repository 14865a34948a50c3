"""`logicnet tune adapters`: the table of adapters in a terminal."""

import dataclasses
import json
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from logicnet._util.tables import plain_table
from logicnet._util.text import one_line
from logicnet.settings import Settings
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import AdapterState

_STYLES = {
    AdapterState.SERVING: "green",
    AdapterState.REFUSED: "red",
    AdapterState.ROLLED_BACK: "yellow",
}


def show(settings: Settings, *, as_json: bool) -> None:
    """Print all, the newest first. Raises TuningError if the table cannot be read."""
    store = Folders.of(settings.tuning).adapters()
    found = store.all()
    if as_json:
        for one in found:
            print(json.dumps(dataclasses.asdict(one), default=str))
        return
    console = Console()
    if not found:
        console.print(f"No adapter yet in {store.root}: the base serves.", highlight=False, soft_wrap=True)
        return
    rows = (
        (
            one.name + (" (merged)" if one.form == "merged" else ""),
            Text(one.state.replace("_", " "), style=_STYLES.get(one.state, "")),
            one_line(one.base),
            proven_by(one.proof),
            "" if one.served_s is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(one.served_s)),
            one_line(one.reason),
        )
        for one in found
    )
    console.print(plain_table(("adapter", "state", "base", "proven by", "served since", "why"), rows))
    if not any(one.state is AdapterState.SERVING for one in found):
        console.print("The base serves.", highlight=False)


def proven_by(proof: Mapping[str, Any] | None) -> str:
    """A proof in words: its gain of reward with the interval, and the questions."""
    if proof is None:
        return ""
    gain, low, high = (proof.get(name) for name in ("reward", "low", "high"))
    words = []
    if isinstance(gain, int | float):
        words.append(f"reward {gain:+.3f}")
    if isinstance(low, int | float) and isinstance(high, int | float):
        words.append(f"[{low:+.3f}, {high:+.3f}]")
    if isinstance(count := proof.get("questions"), int):
        words.append(f"on {count} questions")
    return " ".join(words) or "a proof without figures"
