"""Asking: what the miner that writes a ledger says of itself, for whoever watches from outside."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
from pydantic import ValidationError

from logicnet.operate.telemetry.state import State, address_file

_ASK_S = 2.0


def client() -> httpx2.Client:
    """For `ask`. The miner is on this machine, where a proxy for the outside world has no business."""
    return httpx2.Client(timeout=_ASK_S, trust_env=False)


def ask(ledger: Path, http: httpx2.Client) -> State | None:
    """None if it does not run, or cannot be watched. `ledger` is its absolute path. Blocks."""
    try:
        url = json.loads(address_file(ledger).read_bytes())["url"]
        reply = http.get(f"{url}/state")
        state = State.model_validate_json(reply.content) if reply.status_code == 200 else None
    except (OSError, ValueError, TypeError, KeyError, httpx2.HTTPError, httpx2.InvalidURL, ValidationError):
        return None
    # It may have ended without a word, and another program may have its port by now.
    return state if state is not None and state.ledger == str(ledger) else None
