"""Is a vLLM that does not answer busy, or stuck? A prober asks it, and a policy judges.

vLLM's `/health` is answered while the engine hangs. What counts is progress: an answered probe, or an
engine whose token counter has moved since the last observation. A burst may delay a probe for a minute;
meanwhile the counter moves.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import httpx2

from logicnet.operate.serving.vllm.metrics import sums


class ProbeOutcome(StrEnum):
    """How a request for one token ended."""

    ANSWERED = "answered"
    LATE = "not answered in time"
    FAILED = "answered with a fault of the server"  # 5xx, or the connection broke
    REFUSED = "refused"  # 4xx: the probe has no permission, which says nothing about the engine


@dataclass(frozen=True, slots=True)
class Observation:
    """`tokens` read and written since vLLM's start; None if /metrics did not answer."""

    at_s: float
    probe: ProbeOutcome
    tokens: float | None = None
    running: float = 0.0
    waiting: float = 0.0

    @property
    def loaded(self) -> bool:
        """Whether there is work beside our probe; True if that is unknown."""
        return self.tokens is None or self.running + self.waiting > 1


class HealthVerdict(StrEnum):
    WELL = "well"
    BUSY = "busy"
    SILENT = "silent"
    STUCK = "stuck"
    DEAD = "dead"


_FAULTS = 3  # in a row are no accident


class HealthPolicy:
    """`idle_s` and `loaded_s`: how long vLLM may make no progress, without and with work."""

    def __init__(self, now_s: float, *, idle_s: float, loaded_s: float) -> None:
        self._idle_s = idle_s
        self._loaded_s = loaded_s
        self._progress_at_s = now_s
        self._tokens: float | None = None
        self._faults = 0

    def silent_s(self, now_s: float) -> float:
        """Seconds since the last progress."""
        return now_s - self._progress_at_s

    def observe(self, seen: Observation) -> HealthVerdict:
        tokens_moved = None not in (seen.tokens, self._tokens) and seen.tokens != self._tokens
        self._tokens = self._tokens if seen.tokens is None else seen.tokens
        self._faults = self._faults + 1 if seen.probe is ProbeOutcome.FAILED else 0
        if seen.probe is ProbeOutcome.ANSWERED or (seen.probe is ProbeOutcome.REFUSED and not seen.loaded):
            self._progress_at_s = seen.at_s
            return HealthVerdict.WELL
        if tokens_moved:
            self._progress_at_s = seen.at_s
            return HealthVerdict.BUSY
        if self._faults >= _FAULTS:
            return HealthVerdict.DEAD
        patience_s = self._loaded_s if seen.loaded else self._idle_s
        return HealthVerdict.STUCK if self.silent_s(seen.at_s) >= patience_s else HealthVerdict.SILENT


_COUNTERS_S = 5.0  # for /metrics, which vLLM answers without its engine


class Prober:
    """Probes the server at `url` (without `/v1`). Use as an async context manager."""

    sign = "token"  # of life

    def __init__(self, url: str, key: str | None, *, clock: Callable[[], float]) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # trust_env off: a proxy for the outside world has no business on the loopback
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=None)
        self._clock = clock
        self.model: str | None = None

    async def __aenter__(self) -> Self:
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
        """Empty if there are none."""
        try:
            async with asyncio.timeout(_COUNTERS_S):
                return sums((await self._http.get("/metrics")).text)
        except (TimeoutError, httpx2.HTTPError, ValueError):
            return {}


class LivenessProber:
    """Probes a vllm-router, which generates nothing itself: is it alive, whatever its engines do?"""

    sign = "answer"
    model = None

    def __init__(self, url: str, key: str | None, *, clock: Callable[[], float]) -> None:
        self._http = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=None)
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def observe(self, within_s: float) -> Observation:
        outcome = ProbeOutcome.LATE
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(within_s):
                outcome = _outcome((await self._http.get("/liveness")).status_code)
        return Observation(self._clock(), outcome)


def _outcome(status: int) -> ProbeOutcome:
    if status == 200:
        return ProbeOutcome.ANSWERED
    return ProbeOutcome.REFUSED if status < 500 else ProbeOutcome.FAILED
