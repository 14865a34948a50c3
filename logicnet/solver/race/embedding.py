"""Embedding worker: the similarity of texts, in a process of its own.

torch takes seconds to import. In the miner's process that would delay replies: beside a vLLM on all cores the
event loop stood still for twenty seconds, and an answer was late.
"""

import os
from collections.abc import Sequence

from logicnet.scoring.similarity import MiniLM

_NICER = 10  # replies have priority over embeddings

_encode = MiniLM()


def likeness(texts: Sequence[str]) -> list[list[float]]:
    """Cosines of the all-MiniLM-L6-v2 embeddings, each text with each. Raises LogicnetError."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICER:
        os.setpriority(os.PRIO_PROCESS, 0, _NICER)
    vectors = _encode(list(texts))
    return [[sum(a * b for a, b in zip(one, other, strict=True)) for other in vectors] for one in vectors]
