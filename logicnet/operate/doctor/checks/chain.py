"""Does a node of the chain reply?"""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.chain.subtensor import where
from logicnet.errors import ChainError
from logicnet.operate.doctor.context import Context, Offline
from logicnet.operate.doctor.finding import Finding, error, ok


async def check(context: Context) -> Sequence[Finding]:
    settings = context.settings
    try:
        snapshot = await context.snapshot()
    except Offline:
        raise
    except ChainError as failure:
        return [
            error(
                str(failure),
                "Without a metagraph a restarted miner refuses everybody, and its address is not published.",
                "Check this machine's network; name another node with --subtensor.network wss://...",
            )
        ]
    count = len(snapshot.neurons)
    return [
        ok(
            f"{where(settings.subtensor.network)} replies: block {snapshot.block}, "
            f"runtime {snapshot.runtime}, "
            f"subnet {settings.netuid} with {count} neuron{'' if count == 1 else 's'}."
        )
    ]
