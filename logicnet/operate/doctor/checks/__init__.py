"""The checks and their registry."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from logicnet.operate.doctor.checks import clock, demand, disk, gpus, models, network, wallet
from logicnet.operate.doctor.checks.installation import boot, limits, settings, versions
from logicnet.operate.doctor.checks.subnet import chain, registration, validators
from logicnet.operate.doctor.context import Context, Finding

Findings = Finding | Iterable[Finding]
Check = Callable[[Context], Findings | Awaitable[Findings]]
"""A check only reads. A coroutine runs on the event loop, a plain function on a thread."""

CHECKS: Mapping[str, Check] = {
    "settings": settings,
    "wallet": wallet.check,
    "versions": versions,
    "clock": clock.check,
    "network": network.check,
    "chain": chain,
    "registration": registration,
    "validators": validators,
    "demand": demand.check,
    "gpus": gpus.check,
    "models": models.check,
    "disk": disk.check,
    "limits": limits,
    "boot": boot,
}
"""In the order of the report: the first findings often explain the later ones."""
