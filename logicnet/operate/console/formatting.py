"""Numbers and names for people, the same on the page and in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from logicnet.operate.console.snapshot import CurrentChallenge, Snapshot
from logicnet.operate.telemetry.state import ModelServerState

NOTHING = "\N{EN DASH}"


def short(hotkey: str) -> str:
    return hotkey[:8]


def seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def clock(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M:%S")


def span(value_s: float) -> str:
    """A duration in its largest unit."""
    if value_s < 120:
        return f"{max(0.0, value_s):.0f} s"
    if value_s < 7200:
        return f"{value_s / 60:.0f} min"
    return f"{value_s / 3600:.0f} h" if value_s < 2 * 86_400 else f"{value_s / 86_400:.0f} d"


def score(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def percent(part: int, whole: int) -> str:
    return NOTHING if not whole else f"{part / whole:.1%}"


def urgency(one: CurrentChallenge) -> tuple[float, str]:
    """The share of its time that a challenge has left, 0..1, and its level: good, warning or bad."""
    share = min(1.0, max(0.0, one.left_s / one.allowed_s)) if one.allowed_s else 0.0
    return share, "good" if share > 0.5 else "warning" if share > 0.2 else "bad"


def down(server: ModelServerState, at_s: float) -> str:
    """Since when a model server is down."""
    since_s = server.down_since_s
    return "down" + (f" since {clock(since_s)}, for {span(at_s - since_s)}" if since_s else "")


def reason(server: ModelServerState) -> str:
    """Why it is down, without its name."""
    said = f"the model server at {server.name.partition(' ')[0]} "
    if server.error.startswith(said):
        return f"it {server.error.removeprefix(said)}"
    return server.error or "it does not answer"


def headline(now: Snapshot) -> list[tuple[str, str, str]]:
    """The headline figures: name, value, and a note."""
    answers, rewards = now.answers, now.rewards
    network = now.miner.network if now.miner else None
    is_open = [one for one in now.volumes if not now.is_over(one)]
    kept, promised = sum(one.kept for one in is_open), sum(one.promised for one in is_open)
    least = min((one.left_s for one in now.solving), default=None)
    mean = sum(rewards) / len(rewards) if rewards else None
    rank, rank_note = NOTHING, "not known"
    if network is not None and network.rank is not None:
        rank, rank_note = str(network.rank), f"of {network.neurons}, incentive {network.incentive:.4f}"
    elif network is not None:
        rank_note = "not registered"
    in_time = f"{percent(now.in_time, len(answers))} in time" if answers else "none yet"
    return [
        ("in flight", str(len(now.solving)), f"least time left {seconds(least)}" if now.solving else "idle"),
        ("answered in the last hour", str(len(answers)), in_time),
        ("reward", score(mean), f"mean of {len(rewards)} known" if rewards else "none known"),
        ("kept of promised", f"{kept} / {promised}", "in the open epochs"),
        ("rank", rank, rank_note),
    ]
