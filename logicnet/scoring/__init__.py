"""The validator's side: what an answer earns, from its correctness to its weight on the chain.

Three parts need more than arithmetic, and can be left out: a `Judge` (an LLM), an `Embedder` (sentence
embeddings) and a `TruthTeller` (math-verify, in a bounded worker). A name's first use imports its module, so
that a caller of one part does not wait for the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logicnet.scoring._types import Verdict
    from logicnet.scoring.correctness import by_text
    from logicnet.scoring.incentive import RankedMiner, rank_incentive, standings, weights
    from logicnet.scoring.judge import Judge
    from logicnet.scoring.reference import write_reference
    from logicnet.scoring.reward import Reward, volume_factor, with_volume
    from logicnet.scoring.rows import read_rows, score_rows
    from logicnet.scoring.scorer import Score, ScoredInput, Scorer
    from logicnet.scoring.similarity import Embedder, MiniLM, Similarity
    from logicnet.scoring.tricks import trick
    from logicnet.scoring.truth import Checker, Truth, TruthTeller

__all__ = [
    "Checker",
    "Embedder",
    "Judge",
    "MiniLM",
    "RankedMiner",
    "Reward",
    "Score",
    "ScoredInput",
    "Scorer",
    "Similarity",
    "Truth",
    "TruthTeller",
    "Verdict",
    "by_text",
    "rank_incentive",
    "read_rows",
    "score_rows",
    "standings",
    "trick",
    "volume_factor",
    "weights",
    "with_volume",
    "write_reference",
]

_HOMES = {
    "_types": ("Verdict",),
    "correctness": ("by_text",),
    "incentive": ("RankedMiner", "rank_incentive", "standings", "weights"),
    "judge": ("Judge",),
    "reference": ("write_reference",),
    "reward": ("Reward", "volume_factor", "with_volume"),
    "rows": ("read_rows", "score_rows"),
    "scorer": ("Score", "ScoredInput", "Scorer"),
    "similarity": ("Embedder", "MiniLM", "Similarity"),
    "tricks": ("trick",),
    "truth": ("Checker", "Truth", "TruthTeller"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
