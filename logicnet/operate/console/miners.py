"""Several miners of one operator, a row for each."""

from html import escape

from logicnet.operate.console.notify import name_of
from logicnet.operate.console.snapshot import Snapshot, aged, percent


def panel(now: Snapshot) -> str:
    """This miner and the others, and what they earn together; empty if it is the only one."""
    if not now.others:
        return ""
    miners = (now, *now.others)
    return "".join([*(_row(one, now.at_s) for one in miners), _together(miners)])


def _row(one: Snapshot, now_s: float) -> str:
    worst = next((alert for alert in one.alerts if alert.level != "note"), None)
    level = worst.level if worst is not None else "good"
    hotkey = escape(one.miner.hotkey if one.miner else one.ledger)
    more = f" (and {len(one.alerts) - 1} more)" if len(one.alerts) > 1 else ""
    facts = [*filter(None, [aged(one.at_s, now_s)]), *_facts(one)]
    why = "" if worst is None else f'<span class="why">{escape(worst.what)}{more}</span>'
    return (
        f'<div class="server"><span class="dot {level}"></span><b title="{hotkey}">{escape(name_of(one))}</b>'
        f'{why}<span class="dim">{escape(", ".join(facts))}</span></div>'
    )


def _facts(one: Snapshot) -> list[str]:
    facts = []
    if one.miner is not None:
        facts.append(f"{len(one.solving)} in flight")
    answered = len(one.answers)
    facts.append(f"{answered} answered in the last hour")
    if answered:
        facts.append(f"{percent(one.in_time, answered)} in time")
    if (reward := one.reward) is not None:
        facts.append(f"reward {reward}")
    if one.miner is not None and (network := one.miner.network) is not None and network.rank is not None:
        facts.append(f"rank {network.rank} of {network.neurons}")
    if (tao := _tao(one)) is not None:
        facts.append(f"{tao:.4f} TAO a day")
    return facts


def _tao(one: Snapshot) -> float | None:
    standing = one.miner.standing if one.miner else None
    return standing.tao_a_day if standing else None


def _together(miners: tuple[Snapshot, ...]) -> str:
    earned = [tao for one in miners if (tao := _tao(one)) is not None]
    run = sum(one.miner is not None for one in miners)
    words = f"{run} of {len(miners)} run"
    if earned:
        words = f"{words}; {len(earned)} earn {sum(earned):.4f} TAO a day together"
    return f'<p class="empty">{words}.</p>'
