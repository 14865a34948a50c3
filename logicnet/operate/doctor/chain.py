"""Chain: is there one, and does its node keep up?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.chain.subtensor import where
from logicnet.errors import ChainError
from logicnet.operate.doctor.finding import Finding, Severity, error, ok, unmade
from logicnet.operate.doctor.site import Site

OFFLINE = unmade("Not checked: the miner works without a chain (--offline).", severity=Severity.NOTE)
AWAY = unmade("Not checked: the chain does not answer.", "See what is said of the chain.")
"""What the other checks say that need the chain."""


async def look(site: Site) -> Sequence[Finding]:
    settings = site.settings
    if settings.offline:
        return [OFFLINE]
    try:
        survey = await site.survey()
    except ChainError as gone:
        return [
            error(
                str(gone),
                "Without a metagraph nobody is admitted after a restart, and our address is not published.",
                "See whether this machine reaches the network at all; else name another node with "
                "--subtensor.network wss://...",
            )
        ]
    count = len(survey.seats)
    return [
        ok(
            f"{where(settings.subtensor.network)} answers: block {survey.block}, runtime {survey.runtime}, "
            f"subnet {settings.netuid} with {count} neuron{'' if count == 1 else 's'}."
        )
    ]
