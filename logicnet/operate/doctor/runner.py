"""Runs all checks at once, each within its time. A check that breaks or hangs becomes a finding."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast

from logicnet.errors import LogicnetError
from logicnet.operate.doctor.checks import (
    boot,
    chain,
    clock,
    demand,
    disk,
    limits,
    models,
    network,
    registration,
    settings,
    validators,
    versions,
    wallet,
)
from logicnet.operate.doctor.context import Context, skipped
from logicnet.operate.doctor.finding import Finding, not_checked

CHECK_S = 20.0
"""The time of a check: enough for a slow model and a distant chain. Most take milliseconds."""

Findings = Iterable[Finding]
Check = Callable[[Context], Findings | Awaitable[Findings]]
"""A check only reads. A coroutine runs on the event loop, a plain function on a thread."""

CHECKS: Mapping[str, Check] = {
    "settings": settings.check,
    "wallet": wallet.check,
    "versions": versions.check,
    "clock": clock.check,
    "network": network.check,
    "chain": chain.check,
    "registration": registration.check,
    "validators": validators.check,
    "demand": demand.check,
    "models": models.check,
    "disk": disk.check,
    "limits": limits.check,
    "boot": boot.check,
}
"""In the order of the report: the first findings often explain the later ones."""


async def run_checks(
    context: Context, checks: Mapping[str, Check] = CHECKS, within_s: float = CHECK_S
) -> Mapping[str, list[Finding]]:
    """The findings of each check, by its name. Never raises; closes `context`."""
    try:
        found = await asyncio.gather(*(_run(check, context, within_s) for check in checks.values()))
    finally:
        await context.close()
    return dict(zip(checks, found, strict=True))


async def _run(check: Check, context: Context, within_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(within_s):
            if inspect.iscoroutinefunction(check):
                return list(await check(context))
            return await asyncio.to_thread(lambda: list(cast(Findings, check(context))))
    except TimeoutError:
        return [not_checked(f"Not checked: it took longer than {within_s:g} s.", "Try again later.")]
    except LogicnetError as reason:
        return [skipped(reason)]
    except Exception as error:  # the boundary: a broken check must not hide the findings of the others
        return [not_checked(f"Not checked: {type(error).__name__} in this check.", "Please report it.")]
