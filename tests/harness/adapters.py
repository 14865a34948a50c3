"""Adapters as a trainer leaves them, without weights: for a scripted server, which reads what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from logicnet.tuning.improve.adapters import Adapter, AdapterStore

PROOF = {"reward": 0.05, "low": 0.01, "high": 0.09, "questions": 240}

BASE = [-2.0, -1.5, -3.0, -0.5]
TUNED = [-0.1, -0.2, -0.05, -0.01]


def text(**changes: Any) -> dict[str, Any]:
    """One expected text; `changes` replace its parts."""
    found = {
        **{"prompt": [1, 2, 3], "tokens": [10, 11, 12, 13], "logprobs": TUNED, "base_logprobs": BASE},
        **{"text": "the answer is 4", "ended": True},
    }
    return found | changes


def trained(
    folder: Path,
    *,
    rank: int = 16,
    expected: Mapping[str, Any] | None = None,
    says: Mapping[str, Any] | None = None,
) -> Path:
    """What a trainer left: it wrote down `expected`, and the server will have it say `says`."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(b"weights of no model")
    (folder / "expected.json").write_text(json.dumps({"texts": [dict(expected or text())]}))
    if says is not None:
        (folder / "says.txt").write_text(json.dumps({"texts": [dict(says)]}))
    return folder


def proven(store: AdapterStore, made: Path, base: str = "scripted") -> Adapter:
    """Added to the table, and proven."""
    return store.prove(store.add(made, base, 1.0).name, PROOF)
