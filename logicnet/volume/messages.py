"""The result of a load test as text, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table

from logicnet.scoring.reward import FULL_VOLUME, volume_factor
from logicnet.settings import Settings
from logicnet.volume.advice import Advice, Level, break_even, gain
from logicnet.volume.load_test import WITHIN_S

Ended = Literal["done", "time", "stopped"]
"""Why the test ended: it is complete; its time was up; Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The result for a miner with `settings`."""

    settings: Settings
    advice: Advice
    ended: Ended

    @property
    def set_now(self) -> int:
        return self.settings.miner.epoch_volume

    @property
    def interval_s(self) -> float:
        return self.settings.miner.limit_interval


def level_line(level: Level) -> str:
    """One line when a level is done."""
    end = "sustained"
    if not level.sustained:
        late = f"{level.late} were not solved in {WITHIN_S:.0f} s"
        end = f"overload: {late}, {level.cut} were cut off by the clock"
    return f"{level.at_once} at once: {level.answers} answers, {level.mean_s:.1f} s on average, {end}"


def table(found: Measured) -> Table:
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)  # fits 60 columns
    headings = ("at once", "answers", "late", "cut", "failed", "mean s", "95 % s", "max s")
    for heading in (*headings, f"in {found.interval_s:g} s"):
        shown.add_column(heading, justify="right")
    for level in found.advice.levels:
        counts = (level.at_once, level.answers, level.late, level.cut, level.failed)
        seconds = (level.mean_s, level.quantile_s(0.95), level.seconds[-1])
        in_interval = f"{level.answers_in(found.interval_s):,}"
        shown.add_row(*map(str, counts), *(f"{one:.1f}" for one in seconds), in_interval)
    return shown


def verdict(found: Measured) -> list[str]:
    """The advice, and what it earns, a line each."""
    advice, best = found.advice, found.advice.best
    if not advice.levels:
        return ["Nothing was measured" + ("; give it more --minutes." if found.ended == "time" else ".")]
    if advice.volume is None or best is None:
        return [
            f"No volume is safe: one challenge alone is not solved in {WITHIN_S:.0f} s, and late answers "
            "earn nothing. Use a smaller or faster model (`logicnet plan`), or a solver that asks for less."
        ]
    lines = [
        f"--miner.epoch_volume {advice.volume} is safe: {best.at_once} challenges at once are solved within "
        f"{WITHIN_S:.0f} of the 64 s, and {advice.volume} in {found.interval_s:g} s are no more than that at "
        "once, 99 times of 100.",
        _earned(advice.volume, found.set_now),
    ]
    if advice.volume < FULL_VOLUME:
        lines.append(
            f"{FULL_VOLUME} instead earns more only while it loses fewer than "
            f"{100 * break_even(advice.volume):.1f} of 100 answers."
        )
    if found.ended != "done":
        why = "the time was up; --minutes gives it more" if found.ended == "time" else "it was stopped"
        lines.append(f"Higher loads were not fully measured ({why}), so the capacity may be higher.")
    elif best is advice.levels[-1] and best.at_once == found.settings.miner.max_in_flight:
        lines.append(f"Loads above --miner.max_in_flight {best.at_once} were not tried.")
    return lines


def _earned(volume: int, now: int) -> str:
    less, change = gain(volume, FULL_VOLUME), gain(volume, now)
    parts = [f"{-less:.1%} less than with {FULL_VOLUME}"] if less and now != FULL_VOLUME else []
    if volume == now:
        parts.append("as it is set now")
    else:
        word = f"{abs(change):.1%} {'more' if change > 0 else 'less'} than" if change else "as much as"
        parts.append(f"{word} with the {now} that are set now")
    return f"Each reward is multiplied by {volume_factor(volume):.4f}: {', '.join(parts)}."


def as_json(found: Measured) -> dict[str, Any]:
    """The whole result; `volume` is null if none is safe."""
    volume, best = found.advice.volume, found.advice.best
    earned: dict[str, float | None] = dict.fromkeys(
        ("volume_factor", "gain_over_set_now", "gain_over_full", "break_even_loss")
    )
    if volume is not None:
        earned = {
            "volume_factor": volume_factor(volume),
            "gain_over_set_now": gain(volume, found.set_now),
            "gain_over_full": gain(volume, FULL_VOLUME),
            "break_even_loss": break_even(volume),
        }
    return {
        "volume": volume,
        "at_once": best.at_once if best else None,
        "interval_s": found.interval_s,
        "within_s": WITHIN_S,
        "ended": found.ended,
        "solver": found.settings.miner.solver,
        "set_now": found.set_now,
        **earned,
        "levels": [
            {
                "at_once": level.at_once,
                "kept": level.sustained,
                "answers": level.answers,
                "late": level.late,
                "cut_off": level.cut,
                "failed": level.failed,
                "mean_s": round(level.mean_s, 3),
                "p95_s": round(level.quantile_s(0.95), 3),
                "longest_s": round(level.seconds[-1], 3),
                "took_s": round(level.took_s, 3),
            }
            for level in found.advice.levels
        ],
    }
