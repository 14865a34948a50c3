"""The checks, a module each, and their registry."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

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
from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding

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
