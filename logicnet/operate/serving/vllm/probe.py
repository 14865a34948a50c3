"""Prober: asks a vLLM for one token, as a miner would, and reads its counters."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx2

from logicnet.operate.serving.vllm.health import Look, ProbeOutcome

_COUNTERS_S = 5.0  # for /metrics, which no engine is needed for
_METRIC = re.compile(
    r"^vllm:(generation_tokens_total|prompt_tokens_total|num_requests_running|num_requests_waiting)"
    r"(?:\{[^}]*\})? (\S+)$",
    re.MULTILINE,
)


class Prober:
    """Looks at the server at `url` (without `/v1`). Use as an async context manager."""

    def __init__(self, url: str, key: str | None, *, clock: Callable[[], float]) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # trust_env off: a proxy for the outside world has no business on the loopback
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=None)
        self._clock = clock
        self.model: str | None = None

    async def __aenter__(self) -> Prober:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def look(self, within_s: float) -> Look:
        """One probe, given `within_s` seconds, and the counters after it."""
        probe = await self._probe(within_s)
        counters = await self._counters()
        now_s = self._clock()
        if counters is None:
            return Look(now_s, probe)
        written = counters.get("generation_tokens_total", 0.0) + counters.get("prompt_tokens_total", 0.0)
        running, waiting = (counters.get(f"num_requests_{what}", 0.0) for what in ("running", "waiting"))
        return Look(now_s, probe, written, running, waiting)

    async def _probe(self, within_s: float) -> ProbeOutcome:
        try:
            async with asyncio.timeout(within_s):
                if self.model is None:
                    listed = await self._http.get("/v1/models")
                    if listed.status_code != 200:
                        return _judged(listed.status_code)
                    self.model = str(listed.json()["data"][0]["id"])
                body = {"model": self.model, "prompt": "1", "max_tokens": 1, "temperature": 0}
                done = await self._http.post("/v1/completions", json=body)
                return _judged(done.status_code)
        except TimeoutError:
            return ProbeOutcome.LATE
        except (httpx2.HTTPError, ValueError, LookupError, TypeError):
            return ProbeOutcome.FAILED

    async def _counters(self) -> dict[str, float] | None:
        try:
            async with asyncio.timeout(_COUNTERS_S):
                text = (await self._http.get("/metrics")).text
        except (TimeoutError, httpx2.HTTPError):
            return None
        found: dict[str, float] = {}
        for name, value in _METRIC.findall(text):
            found[name] = found.get(name, 0.0) + float(value)
        return found or None


def _judged(status: int) -> ProbeOutcome:
    if status == 200:
        return ProbeOutcome.ANSWERED
    return ProbeOutcome.REFUSED if status < 500 else ProbeOutcome.FAILED
