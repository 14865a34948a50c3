"""The options of `logicnet learn --prove`."""

from dataclasses import dataclass
from pathlib import Path

from logicnet.protocol import LOGIC_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class PolicyTrial:
    """How a policy is proven."""

    challenges: Path | None = None
    questions: int = 240
    concurrency: int = 4
    similarity: bool = True
    deadline_s: float = LOGIC_TIMEOUT_S
