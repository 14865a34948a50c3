"""The running miner as the swap of an adapter reaches it: over its telemetry server."""

import dataclasses
import json
from pathlib import Path

import httpx2

from logicnet.errors import TuningError
from logicnet.operate.telemetry.state import read_url
from logicnet.tuning.improve.swap import Following

MODEL = "/model"
"""`GET`: what it asks. `POST`: read the table of adapters first."""

_FOLLOW_S = 60.0  # for a solver to start, on a machine that is busy
_LOOK_S = 5.0


def as_json(found: Following) -> bytes:
    return json.dumps(dataclasses.asdict(found)).encode()


class RunningMiner:
    """A `MinerLink` to the miner of the ledger at `path`. Raises TuningError if it runs and fails."""

    def __init__(self, path: Path) -> None:
        self._ledger = path

    def follow(self) -> Following | None:
        return self._asked("POST")

    def look(self) -> Following | None:
        return self._asked("GET")

    def _asked(self, method: str) -> Following | None:
        url = read_url(self._ledger)
        if url is None:
            return None
        # Plain HTTP on this machine. To read certificates would take 25 ms of each look.
        with httpx2.Client(trust_env=False, verify=False) as http:
            try:
                reply = http.request(
                    method, f"{url}{MODEL}", timeout=_FOLLOW_S if method == "POST" else _LOOK_S
                )
            except httpx2.ConnectError:  # its file stayed after a crash
                return None
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise TuningError(
                    f"the miner at {url} does not say what it asks ({type(error).__name__}): "
                    "`logicnet doctor`"
                ) from None
        if reply.status_code >= 500:
            raise TuningError(f"the miner at {url} cannot say what it asks: see its log")
        try:
            return Following(**reply.json())
        except (ValueError, TypeError):  # an older miner, or another program has its port
            return None
