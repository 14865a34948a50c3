"""What the miner earns, against what its GPUs cost, and how far it is from losing its place."""

import math
import time
from html import escape
from pathlib import Path

from logicnet._util.text import one_line
from logicnet.chain import REPLACED_NEAR, REPLACED_SOON, Standing
from logicnet.operate.console.snapshot import MoneySettings, Snapshot, span
from logicnet.settings import ConsoleSettings

_OLD_S = 2 * 86_400.0  # a price that nobody renews
_LONGEST_PRICE = 64  # characters of the file


def money(console: ConsoleSettings) -> MoneySettings:
    """From --console.price and --console.gpu_cost_h as they are now. Nothing is raised."""
    text, cost = console.price, console.gpu_cost_h
    if text is None:
        return MoneySettings(gpu_usd_h=cost)
    if (usd := _dollars(text)) is not None:
        return MoneySettings(usd, cost)
    try:
        path = Path(text).expanduser()
        if path.exists() and not path.is_file():  # a pipe would block
            raise ValueError("not a file")
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_PRICE).strip()
        age_s = time.time() - path.stat().st_mtime
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or one_line(str(error), 80)
        return MoneySettings(gpu_usd_h=cost, problem=f"--console.price {console.price}: {why}")
    if (usd := _dollars(text)) is None:
        shown = one_line(text) or "nothing"
        problem = f"--console.price {console.price} holds {shown}: write the dollars for one TAO, as 412.5"
        return MoneySettings(gpu_usd_h=cost, problem=problem)
    return MoneySettings(usd, cost, age_s)


def _dollars(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def facts(now: Snapshot) -> list[tuple[str, str, str]]:
    """Level (good, warning, bad, or empty), figure, and a note."""
    if now.miner is None:
        return [("", "Not known", "The miner that reads the chain does not run.")]
    if (standing := now.miner.standing) is None:
        why = "Not registered, or without a chain." if now.miner.network else "No metagraph was read yet."
        return [("", "Not known", why)]
    return [*_earned(standing, now.money), _place(standing)]


def _earned(standing: Standing, prices: MoneySettings) -> list[tuple[str, str, str]]:
    tao, found = standing.tao_a_day, []
    alpha = f"{standing.alpha_a_day:,.2f} alpha, by the last epoch"
    usd = None if tao is None or prices.usd is None else tao * prices.usd
    if tao is None:
        found.append(("", f"{standing.alpha_a_day:,.2f} alpha a day", "The price of alpha is unknown."))
    else:
        dollars = "" if usd is None else f", ${usd:,.2f}"
        found.append(("", f"{tao:.4f} TAO{dollars} a day", alpha))
    if prices.problem:
        found.append(("warning", "No price", prices.problem))
    elif prices.age_s > _OLD_S:
        found.append(
            ("warning", f"The price is {span(prices.age_s)} old", "Renew the file of --console.price.")
        )
    if prices.gpu_usd_h is not None:
        cost = 24 * prices.gpu_usd_h
        if usd is None:
            found.append(("", f"${cost:,.2f} a day for GPUs", "--console.price compares it with the income"))
        else:
            gain = usd - cost
            words = "left" if gain >= 0 else "lost"
            note = f"after ${cost:,.2f} for GPUs"
            found.append(("good" if gain >= 0 else "bad", f"${abs(gain):,.2f} {words} a day", note))
    return found


def _place(standing: Standing) -> tuple[str, str, str]:
    if standing.immune_s:
        return "good", f"Immune for {span(standing.immune_s)}", "until then nobody takes the place"
    if (before := standing.replaced_before) is None:
        return "good", "Never replaced", "the neuron of the subnet's owner"
    if standing.free:
        return "good", f"{standing.free} places are free", "newcomers take those before anybody is replaced"
    level = "bad" if before < REPLACED_SOON else "warning" if before < REPLACED_NEAR else "good"
    what = f"{before} are replaced before this one" if before else "The next to be replaced"
    return level, what, "by newcomers: the subnet is full"


def panel(now: Snapshot) -> str:
    return "".join(
        f'<div class="server"><span class="dot {level}"></span><b>{escape(figure)}</b>'
        f'<span class="dim">{escape(note)}</span></div>'
        for level, figure, note in facts(now)
    )
