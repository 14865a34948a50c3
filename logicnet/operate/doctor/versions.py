"""Versions: is what is installed what this logicnet was made for?"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from logicnet.operate.doctor.finding import Finding, error, ok
from logicnet.operate.doctor.site import Site

_MEND = "In the miner's environment: pip install --upgrade 'logicnet' (in a checkout: pip install -e .)"


async def look(site: Site) -> Sequence[Finding]:
    return findings(requires("logicnet") or [])


def findings(required: Sequence[str]) -> list[Finding]:
    """Of requirements as a package's metadata writes them; those of extras are nobody's concern."""
    found = []
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            installed = ""
        if not installed or not requirement.specifier.contains(installed, prereleases=True):
            has = f"{installed} is installed" if installed else "it is not installed"
            found.append(
                error(
                    f"logicnet needs {requirement.name} {requirement.specifier}, and {has}.",
                    "What was never tried together fails at the worst time: calls to the chain have changed "
                    "with every bittensor.",
                    _MEND,
                )
            )
    ours = f"logicnet {version('logicnet')}, bittensor {version('bittensor')}"
    return found or [ok(f"{ours}, Python {platform.python_version()}: as they should be.")]
