"""The checkers of reasoning-gym; only the process that checks answers imports this."""

import functools
from collections.abc import Mapping
from typing import Any

import reasoning_gym

from logicnet.evals.challenges._reading import readings


def right(answer: str, truth: str, dataset: str, metadata: Mapping[str, Any]) -> bool:
    """Whether the dataset's own checker gives full marks to the answer, or to what it concludes with."""
    entry = {"answer": truth, "metadata": metadata}
    checker = _dataset(dataset)
    return any(checker.score_answer(reading, entry) >= 1.0 for reading in (answer, *readings(answer)))


@functools.cache
def _dataset(name: str) -> Any:
    return reasoning_gym.create_dataset(name, seed=0, size=1)
