"""Whether an answer is right, apart from the score that a validator gives it.

The challenge's own checker decides, else equal text, else math-verify; else the truth stays open.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from logicnet.errors import SettingsError
from logicnet.maths.worker import Bounded, BoundedError

TIMEOUT_S = 0.7  # for one answer: with the worker's grace still under a second
LONGEST_CHARS = 10_000  # of an answer that is compared; a longer one is not a short answer

_MATHEMATICS = "logicnet.scoring._mathematics"


@dataclass(frozen=True, slots=True)
class Checker:
    """A challenge's own opinion: `function(answer=..., **arguments)` gives a bool, or 0..1 with 1 as right.

    It runs in another process: a function of a module, or "module:name"; `arguments` are JSON.
    """

    function: Callable[..., bool | float] | str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Truth:
    """`right` is None where nobody can say; `note` then says why."""

    right: bool | None
    by: Literal["checker", "equal", "math-verify", "nobody"]
    note: str = ""


class TruthTeller:
    """Tells the truth about answers, in bounded time and memory; an async context manager.

    `checker_modules` hold the functions of checkers. Raises SettingsError without math-verify.
    """

    def __init__(self, *checker_modules: str, timeout_s: float | None = None) -> None:
        if not at_hand():
            raise SettingsError("math-verify is not installed: pip install 'logicnet[scoring]'")
        self._timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._bounded = Bounded(_MATHEMATICS, *checker_modules)

    async def tell(self, truth: str, answer: str, checker: Checker | None = None) -> Truth:
        """Whether `answer` is right. Never raises for what is in it."""
        if len(answer) > LONGEST_CHARS:
            return Truth(None, "nobody", f"the answer is longer than {LONGEST_CHARS} characters")
        try:
            if checker is not None:
                score = await self._bounded.call(
                    checker.function, timeout_s=self._timeout_s, answer=answer, **checker.arguments
                )
                return Truth(float(score) >= 1.0, "checker")
            if " ".join(truth.split()).lower() == " ".join(answer.split()).lower():
                return Truth(True, "equal")
            same = await self._bounded.call(
                f"{_MATHEMATICS}:same", timeout_s=self._timeout_s, truth=truth, answer=answer
            )
        except BoundedError as error:
            return Truth(None, "nobody", f"the comparison {error}")
        if same is None:
            return Truth(None, "nobody", "no mathematics to compare")
        return Truth(same, "math-verify")

    async def start(self) -> None:
        """Have everything loaded before the first answer. Raises BoundedError."""
        await self._bounded.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._bounded.aclose()


def at_hand() -> bool:
    """Whether what compares mathematics is installed. Loads nothing."""
    return importlib.util.find_spec("math_verify") is not None
