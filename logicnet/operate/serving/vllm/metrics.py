"""What a vLLM tells of itself at /metrics."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

_TO_FIRST = "vllm:time_to_first_token_seconds"


def sums(text: str) -> Mapping[str, float]:
    """vLLM's own figures, by name: sums over its engines. Raises ValueError if it is no such page."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("vllm:") and math.isfinite(sample.value):
                found[sample.name] += sample.value
    return found


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """One read of /metrics. Sums over the engines, since vLLM's start but for what is now."""

    at_s: float
    models: tuple[str, ...]
    kv_used: float  # share of the KV cache in use, 0..1, of the fullest engine
    running: float  # requests now
    waiting: float
    tokens: float  # written
    first_tokens: float  # requests that got a first token
    first_token_s: float  # seconds that those waited, together
    prefix_tokens: float  # of prompts that were looked for in the prefix cache
    prefix_hits: float  # of those, found

    @classmethod
    def read(cls, text: str, at_s: float) -> Self | None:
        """None if the page is not a vLLM's. Raises ValueError if it is no page of metrics."""
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        models = {one.labels.get("model_name", "") for one in samples if one.name.startswith("vllm:")}
        if not models:
            return None
        found = sums(text)
        kv_used = [
            one.value
            for one in samples
            if one.name == "vllm:kv_cache_usage_perc" and math.isfinite(one.value)
        ]
        return cls(
            at_s,
            tuple(sorted(filter(None, models))),
            kv_used=max(kv_used, default=0.0),
            running=found["vllm:num_requests_running"],
            waiting=found["vllm:num_requests_waiting"],
            tokens=found["vllm:generation_tokens_total"],
            first_tokens=found[f"{_TO_FIRST}_count"],
            first_token_s=found[f"{_TO_FIRST}_sum"],
            prefix_tokens=found["vllm:prefix_cache_queries_total"],
            prefix_hits=found["vllm:prefix_cache_hits_total"],
        )
