"""The vLLMs and GPUs behind the miner: what they tell of themselves, read beside it."""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from html import escape
from typing import Any

import httpx2

from logicnet._util.text import one_line
from logicnet.operate.console.snapshot import MachineFigures, Snapshot, VllmFigures, aged, seconds
from logicnet.operate.serving.gpu_load import GpuLoad, gpu_loads
from logicnet.operate.serving.memory import GIB
from logicnet.operate.serving.vllm.metrics import EngineCounters
from logicnet.operate.telemetry.state import ModelServerState, http_client, read_page

WINDOW_S = 300.0
"""What first-token times and prefix hits are means of."""

_ASK_AGAIN_S = 300.0  # a server that is no vLLM
_LONGEST_NAME = 80


@dataclass
class _Vllm:
    reads: deque[EngineCounters]
    not_before_s: float = float("-inf")


class MachineReader:
    """Reads vLLMs at the addresses of the miner's servers, and NVML. `nvml` replaces the module pynvml."""

    def __init__(
        self,
        nvml: Any = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._nvml = nvml
        self._now_s = now_s
        self._clock = clock
        self._http = http_client()
        self._known: dict[str, _Vllm] = {}

    def close(self) -> None:
        self._http.close()

    def read(self, servers: Collection[ModelServerState]) -> MachineFigures:
        """Blocks, a server at a time. A paid server is somebody else's, and is not asked."""
        places = dict.fromkeys(one.name.partition(" ")[0] for one in servers if not one.paid)
        self._known = {place: self._known.get(place) or _Vllm(deque()) for place in places}
        found = [self._vllm(place, one) for place, one in self._known.items()]
        gpus = gpu_loads(self._nvml)
        return MachineFigures(self._now_s(), tuple(one for one in found if one is not None), gpus)

    def _vllm(self, place: str, known: _Vllm) -> VllmFigures | None:
        now_s = self._clock()
        if now_s < known.not_before_s:
            return None
        try:
            content = read_page(self._http, f"http://{place}/metrics")
            text = None if content is None else content.decode(errors="replace")
            counters = EngineCounters.read(text, now_s) if text is not None else None
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL, RuntimeError):  # the last: closed meanwhile
            return None  # the panel of models says that it is down
        except ValueError:
            counters = None
        if counters is None:
            known.not_before_s = now_s + _ASK_AGAIN_S
            return None
        reads = known.reads
        if reads and counters.tokens < reads[-1].tokens:  # it was restarted
            reads.clear()
        while reads and now_s - reads[0].at_s > WINDOW_S:
            reads.popleft()
        reads.append(counters)
        return figures(place, reads[0], counters)


def figures(place: str, first: EngineCounters, last: EngineCounters) -> VllmFigures:
    """The state at `last`, and means since `first`."""
    asked = last.first_tokens - first.first_tokens
    looked, span_s = last.prefix_tokens - first.prefix_tokens, last.at_s - first.at_s
    return VllmFigures(
        place,
        one_line(", ".join(last.models), _LONGEST_NAME),
        kv_used=last.kv_used,
        running=int(last.running),
        waiting=int(last.waiting),
        tokens_per_s=(last.tokens - first.tokens) / span_s if span_s else None,
        first_token_s=(last.first_token_s - first.first_token_s) / asked if asked > 0 else None,
        prefix_hits=(last.prefix_hits - first.prefix_hits) / looked if looked > 0 else None,
    )


def panel(now: Snapshot) -> str:
    """Empty where no vLLM tells its figures and no GPU is seen."""
    rows = [*map(_vllm_row, now.machine.vllms), *map(_gpu_row, now.machine.gpus)]
    if rows and (old := aged(now.machine.at_s, now.at_s)):
        rows.append(f'<p class="empty">{old}: a server or the driver does not reply.</p>')
    return "".join(rows)


def _vllm_row(one: VllmFigures) -> str:
    facts = [f"{one.running} running, {one.waiting} waiting", f"{one.kv_used:.0%} of the KV cache"]
    if one.tokens_per_s is not None:
        facts.append(f"{one.tokens_per_s:.0f} tokens/s")
    if one.first_token_s is not None:
        facts.append(f"first token after {seconds(one.first_token_s)}")
    if one.prefix_hits is not None:
        facts.append(f"{one.prefix_hits:.0%} of the prompts' tokens from the prefix cache")
    level = "warning" if one.waiting else "good"
    return _row(level, one.model or one.place, one.kv_used, f"{one.place}: {', '.join(facts)}")


def _gpu_row(one: GpuLoad) -> str:
    name = f"GPU {one.index} {one.name.removeprefix('NVIDIA ')}".strip()
    if one.error:
        return _row("bad", name, 0.0, f"cannot be read: {one.error}; see nvidia-smi and dmesg")
    facts = [] if one.busy is None else [f"{one.busy:.0%} busy"]
    if one.used_bytes is not None and one.total_bytes:
        facts.append(f"{one.used_bytes / GIB:.1f} of {one.total_bytes / GIB:.0f} GiB")
    if one.degrees is not None:
        facts.append(f"{one.degrees} \N{DEGREE SIGN}C")
    facts += one.slowed
    return _row("warning" if one.slowed else "good", name, one.busy or 0.0, ", ".join(facts))


def _row(level: str, name: str, share: float, note: str) -> str:
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="server"><span class="dot {level}"></span><b>{escape(name)}</b>'
        f'<span class="bar"><i style="width:{width:.0f}%"></i></span>'
        f'<span class="dim">{escape(note)}</span></div>'
    )
