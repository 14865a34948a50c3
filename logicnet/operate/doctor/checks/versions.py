"""Do the installed packages satisfy the requirements of this logicnet?"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, error, ok

_MEND = "In the miner's environment: pip install --upgrade 'logicnet' (in a checkout: pip install -e .)"


def check(context: Context) -> Iterator[Finding]:
    return findings(requires("logicnet") or [])


def findings(required: Sequence[str]) -> Iterator[Finding]:
    """Of requirements as in a package's metadata; those of extras are skipped."""
    unmet = [text for text in map(_unmet, required) if text]
    for text in unmet:
        yield error(
            text, "An untested combination fails late: the chain's API changes with bittensor.", _MEND
        )
    if not unmet:
        ours = f"logicnet {version('logicnet')}, bittensor {version('bittensor')}"
        yield ok(f"{ours}, Python {platform.python_version()}: all requirements are met.")


def _unmet(text: str) -> str | None:
    requirement = Requirement(text)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"logicnet needs {requirement.name} {requirement.specifier}, and it is not installed."
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"logicnet needs {requirement.name} {requirement.specifier}, and {installed} is installed."
