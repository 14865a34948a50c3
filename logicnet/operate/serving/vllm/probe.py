"""Prober: asks a vLLM for one token, as a miner would, and reads its counters."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from logicnet.operate.serving.vllm.health import Observation, ProbeOutcome

_COUNTERS_S = 5.0  # for /metrics, which vLLM answers without its engine


class Prober:
    """Probes the server at `url` (without `/v1`). Use as an async context manager."""

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

    async def observe(self, within_s: float) -> Observation:
        """One probe, given `within_s` seconds, and the counters after it."""
        probe = await self._probe(within_s)
        counters = await self._counters()
        now_s = self._clock()
        if not counters:
            return Observation(now_s, probe)
        tokens = counters["vllm:generation_tokens_total"] + counters["vllm:prompt_tokens_total"]
        return Observation(
            now_s, probe, tokens, counters["vllm:num_requests_running"], counters["vllm:num_requests_waiting"]
        )

    async def _probe(self, within_s: float) -> ProbeOutcome:
        try:
            async with asyncio.timeout(within_s):
                if self.model is None:
                    listed = await self._http.get("/v1/models")
                    if listed.status_code != 200:
                        return _outcome(listed.status_code)
                    self.model = str(listed.json()["data"][0]["id"])
                body = {"model": self.model, "prompt": "1", "max_tokens": 1, "temperature": 0}
                done = await self._http.post("/v1/completions", json=body)
                return _outcome(done.status_code)
        except TimeoutError:
            return ProbeOutcome.LATE
        except (httpx2.HTTPError, ValueError, LookupError, TypeError):
            return ProbeOutcome.FAILED

    async def _counters(self) -> Mapping[str, float]:
        """Sums over engines, by name; empty if there are none."""
        found: defaultdict[str, float] = defaultdict(float)
        try:
            async with asyncio.timeout(_COUNTERS_S):
                text = (await self._http.get("/metrics")).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name.startswith("vllm:"):
                        found[sample.name] += sample.value
        except (TimeoutError, httpx2.HTTPError, ValueError):
            return {}
        return found


def _outcome(status: int) -> ProbeOutcome:
    if status == 200:
        return ProbeOutcome.ANSWERED
    return ProbeOutcome.REFUSED if status < 500 else ProbeOutcome.FAILED
