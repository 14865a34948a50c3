"""Reads the state of the miner that writes a ledger, from another process."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
from pydantic import ValidationError

from logicnet.operate.telemetry.state import State, address_file

_TIMEOUT_S = 2.0


def http_client() -> httpx2.Client:
    """For `read_state`. The miner is on this machine: proxies of the environment are ignored."""
    return httpx2.Client(timeout=_TIMEOUT_S, trust_env=False)


def read_state(ledger: Path, http: httpx2.Client) -> State | None:
    """None if no miner of `ledger`, an absolute path, can be reached. Blocks."""
    try:
        url = json.loads(address_file(ledger).read_bytes())["url"]
        reply = http.get(f"{url}/state")
        state = State.model_validate_json(reply.content) if reply.status_code == 200 else None
    except (OSError, ValueError, TypeError, KeyError, httpx2.HTTPError, httpx2.InvalidURL, ValidationError):
        return None
    # After a crash the address file stays, and another miner may have got the port.
    return state if state is not None and state.ledger == str(ledger) else None
