"""Results of policies on the same questions: as a table, as a verdict, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from _policies import Played
from rich.console import Console
from rich.table import Table

DRAWS = 2000
NOT_AT_STAKE = 0.605
"""What a wrong answer at once earns, with the similarity that every reply is given."""


@dataclass(frozen=True, slots=True)
class Result:
    policy: str
    plays: Sequence[Played]
    kind: str = "public"  # or "ours", "bound"

    @property
    def rewards(self) -> np.ndarray:
        return np.array([play.reward for play in self.plays])


def interval(values: np.ndarray) -> tuple[float, float]:
    """Where the mean is in 95 of 100 repetitions: bootstrap over questions, seeded."""
    chance = np.random.default_rng(35)
    means = [values[chance.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def table(title: str, results: Sequence[Result], console: Console) -> None:
    ours = next(one for one in results if one.kind == "ours")
    shown = Table(title=title, title_justify="left")
    for column in ("policy", "reward", "95 %", "at stake", "ours - it, e-4", "right", "seconds", "samples"):
        shown.add_column(column, justify="left" if column == "policy" else "right")
    for one in results:
        low, high = interval(one.rewards)
        better = ours.rewards - one.rewards
        less, more = interval(better)
        shown.add_row(
            one.policy,
            f"{one.rewards.mean():.4f}",
            f"{low:.4f} .. {high:.4f}",
            f"{one.rewards.mean() - NOT_AT_STAKE:.4f}",
            "" if one is ours else f"{better.mean() * 1e4:+.1f} ({less * 1e4:+.1f} .. {more * 1e4:+.1f})",
            f"{fmean(play.right for play in one.plays):.3f}",
            f"{fmean(play.seconds for play in one.plays):.2f}",
            f"{fmean(play.samples for play in one.plays):.1f}",
        )
    console.print(shown)


def verdict(name: str, results: Sequence[Result]) -> dict[str, object]:
    """What the bench is for: how near to hindsight, and how far above each fixed n, with paired intervals."""
    ours = next(one for one in results if one.kind == "ours")
    found: dict[str, object] = {
        "scenario": name,
        "questions": len(ours.plays),
        "ours": round(float(ours.rewards.mean()), 4),
        "above, e-4": {
            one.policy: [round(1e4 * low_or_high, 1) for low_or_high in interval(ours.rewards - one.rewards)]
            for one in results
            if one.policy.startswith("fixed")
        },
    }
    for bound in (one for one in results if one.kind == "bound"):
        mean = float(bound.rewards.mean())
        low, high = interval(bound.rewards - ours.rewards)
        below = (100 * gap / mean for gap in (mean - float(ours.rewards.mean()), low, high))
        found[f"below {bound.policy}, %"] = [round(one, 2) for one in below]
    return found


def plot(scenarios: Sequence[tuple[str, Sequence[Result]]], path: Path) -> None:
    import vl_convert  # noqa: PLC0415  (only the picture needs it)

    # Neither white nor black: a page may be either, and the picture has no ground of its own.
    ink = "#768390"
    colours = {"public": ink, "ours": "#2f81f7", "bound": "#bf8700"}
    axis = "reward against ours, in 1/10,000 (95 %, paired)"
    panels = []
    for title, results in scenarios:
        ours = next(one for one in results if one.kind == "ours")
        values = []
        for one in results:
            more = (one.rewards - ours.rewards) * 1e4
            low, high = interval(more)
            mean = float(more.mean())
            values.append({"policy": one.policy, "kind": one.kind, "more": mean, "low": low, "high": high})
        x = {"type": "quantitative", "scale": {"nice": True}, "axis": {"tickCount": 5}}
        y = {"field": "policy", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 220}}
        colour = {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": list(colours), "range": list(colours.values())},
            "legend": None,
        }
        panels.append(
            {
                "title": {"text": title, "anchor": "start", "fontSize": 13},
                "data": {"values": values},
                "width": 300,
                "height": {"step": 20},
                "encoding": {"y": y, "color": colour},
                "layer": [
                    {
                        "mark": {"type": "rule", "strokeWidth": 2},
                        "encoding": {
                            "x": x | {"field": "low", "title": axis},
                            "x2": {"field": "high"},
                        },
                    },
                    {
                        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                        "encoding": {"x": x | {"field": "more", "title": axis}},
                    },
                ],
            }
        )
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "config": {
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelColor": ink,
                "titleColor": ink,
                "tickColor": ink,
                "domainColor": ink,
                "gridColor": ink,
                "gridOpacity": 0.25,
            },
            "title": {"color": ink},
        },
        "vconcat": panels,
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(vl_convert.vegalite_to_svg(spec, vl_version="6.4"), encoding="utf-8")
