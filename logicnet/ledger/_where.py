"""Where the ledger of a miner lies."""

from __future__ import annotations

from pathlib import Path

from logicnet.settings import Settings


def ledger_path(settings: Settings) -> Path:
    """`--ledger.path`, or a file of its own for each wallet and hotkey."""
    if settings.ledger.path is not None:
        return settings.ledger.path.expanduser()
    return Path.home() / ".logicnet" / f"{settings.wallet.name}-{settings.wallet.hotkey}.sqlite"
