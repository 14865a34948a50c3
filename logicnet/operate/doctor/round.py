"""Round: every check at once, each within its time. One that breaks or hangs is a finding as well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from logicnet.operate.doctor import (
    boot,
    chain,
    clock,
    configuration,
    demand,
    disk,
    limits,
    models,
    network,
    place,
    validators,
    versions,
    wallet,
)
from logicnet.operate.doctor.finding import Finding, unmade
from logicnet.operate.doctor.site import Site

CHECK_S = 20.0
"""The longest that any check takes: a model that is slow, a chain that is far. Most take milliseconds."""

Look = Callable[[Site], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Check:
    """A family of findings. `look` only reads, and says of what it could not read that it could not."""

    name: str
    look: Look


CHECKS: Sequence[Check] = (
    Check("settings", configuration.look),
    Check("wallet", wallet.look),
    Check("versions", versions.look),
    Check("clock", clock.look),
    Check("network", network.look),
    Check("chain", chain.look),
    Check("place", place.look),
    Check("validators", validators.look),
    Check("demand", demand.look),
    Check("models", models.look),
    Check("disk", disk.look),
    Check("limits", limits.look),
    Check("boot", boot.look),
)
"""In the order in which they are shown: what comes first is often the cause of what follows."""


async def examine(
    site: Site, checks: Sequence[Check] = CHECKS, within_s: float = CHECK_S
) -> Mapping[str, Sequence[Finding]]:
    """The findings of each check, by its name. Raises nothing of its own; closes `site`."""
    try:
        found = await asyncio.gather(*(_findings(check, site, within_s) for check in checks))
    finally:
        await site.close()
    return {check.name: findings for check, findings in zip(checks, found, strict=True)}


async def _findings(check: Check, site: Site, within_s: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(within_s):
            return await check.look(site)
    except TimeoutError:
        return [unmade(f"Not checked: it took longer than {within_s:g} s.", "Ask again in a quiet moment.")]
    except Exception as error:  # the boundary: one check that breaks must not hide what the others found
        return [unmade(f"Not checked: {type(error).__name__} in this check.", "Please report it.")]
