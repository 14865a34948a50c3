"""Numbers and names as people read them, the same on the page and in the terminal."""

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
    """How long something has lasted."""
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
    """The share of its time that a challenge has left, 0..1, and how good that is: good, warning or bad."""
    share = min(1.0, max(0.0, one.left_s / one.allowed_s)) if one.allowed_s else 0.0
    return share, "good" if share > 0.5 else "warning" if share > 0.2 else "bad"


def out(server: ModelServerState, at_s: float) -> str:
    """Since when a model server is out of use."""
    since_s = server.out_since_s
    return "out of use" + (f" since {clock(since_s)}, for {span(at_s - since_s)}" if since_s else "")


def reason(server: ModelServerState) -> str:
    """Why it is out of use, without its name again."""
    said = f"the model server at {server.name.partition(' ')[0]} "
    if server.why.startswith(said):
        return f"it {server.why.removeprefix(said)}"
    return server.why or "it does not answer"


def headline(seen: Snapshot) -> list[tuple[str, str, str]]:
    """What matters most: name, figure, and a word on it."""
    answers = seen.answers
    rewards = seen.rewards
    network = seen.miner.network if seen.miner else None
    promised = sum(one.promised for one in seen.promises if _open(seen, one.started_at_s))
    kept = sum(one.kept for one in seen.promises if _open(seen, one.started_at_s))
    least = min((one.left_s for one in seen.solving), default=None)
    mean = sum(rewards) / len(rewards) if rewards else None
    return [
        (
            "solving now",
            str(len(seen.solving)),
            f"least time left {seconds(least)}" if seen.solving else "idle",
        ),
        (
            "answered in the hour",
            str(len(answers)),
            f"{percent(seen.in_time, len(answers))} in time" if answers else "none yet",
        ),
        ("reward", score(mean), f"of {len(rewards)} that are known" if rewards else "none is known"),
        ("kept of promised", f"{kept} / {promised}", "in the open epochs"),
        (
            "rank",
            str(network.rank) if network and network.rank is not None else NOTHING,
            f"of {network.neurons}, incentive {network.incentive:.4f}"
            if network and network.rank is not None
            else "not registered"
            if network
            else "not known",
        ),
    ]


def _open(seen: Snapshot, started_at_s: float) -> bool:
    return seen.miner is not None and seen.at_s < started_at_s + seen.miner.interval_s
