"""Runs in a process of its own, by name: how alike texts are in meaning.

torch takes seconds to import, and whoever shares an interpreter with it waits: beside a vLLM on all cores
the miner's event loop stood still for twenty seconds, and a challenge was answered late.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from logicnet.scoring.similarity import MiniLM

_NICER = 10  # whatever is computed here, a challenge in time comes first

_encode = MiniLM()


def likeness(texts: Sequence[str]) -> list[list[float]]:
    """The cosine of each text's all-MiniLM-L6-v2 embedding with that of each. Raises LogicnetError."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICER:
        os.setpriority(os.PRIO_PROCESS, 0, _NICER)
    vectors = _encode(list(texts))
    return [[sum(a * b for a, b in zip(one, other, strict=True)) for other in vectors] for one in vectors]
