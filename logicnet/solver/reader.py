"""Reader: reads texts on the event loop if they are short, else in bounded workers.

Every pattern is linear in the text, but a text may be long, and a regular expression cannot be interrupted.
What would hold the loop for more than 5 ms, if the text is a hostile one, goes to a process with a limit of
time and memory. A share of the processes for each caller keeps them free for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from logicnet.errors import LogicnetError
from logicnet.maths.worker import Bounded

SHORT = 300
"""Characters, of all texts of a call together, that most functions take at most 5 ms for, whatever they are.
Most questions are shorter, most traces are longer."""

OF_QUESTION, OF_ANSWER = 2, 5
"""What a character of each weighs where the form of an answer is made: it may be a list, and have options."""

SHORT_TO_GUARD = 5_000
"""The same for functions of a pattern or two."""

SHORT_TO_CUT = 2_000
"""The same for what goes through the sentences of a text."""

TIMEOUT_S = 2.0  # for one call; the slowest one known takes 0.2 on a slow core
WAIT_S = 5.0  # with the wait for a worker

_MODULES = (
    *("logicnet.answers.extract", "logicnet.answers.kinds", "logicnet.solver.guard"),
    "logicnet.solver.race.telling",
    *("logicnet.solver.reading", "logicnet.solver.special_tokens"),
)

_Result = TypeVar("_Result")


def reading_workers() -> Bounded:
    """The processes of a miner's readers. Close them."""
    return Bounded(*_MODULES, processes=2)


@dataclass(frozen=True, slots=True)
class Reader:
    """Calls functions of text for one caller. Without `workers` all of them run on the event loop."""

    workers: Bounded | None = None
    caller: str = ""

    async def __call__(
        self,
        function: Callable[..., _Result],
        /,
        *,
        weighs: int | None = None,
        short: int = SHORT,
        within_s: float = WAIT_S,
        **arguments: Any,
    ) -> _Result:
        """`function(**arguments)`; arguments and result are JSON. On the loop if it `weighs` at most `short`.

        `weighs`, default: the characters of all texts.
        If no worker answers `within_s`, only the ends of the texts are read, on the loop.
        """
        if weighs is None:
            weighs = sum(map(len, _texts(arguments)))
        if self.workers is None or weighs <= short:
            return function(**arguments)
        try:
            async with asyncio.timeout(within_s):
                found: _Result = await self.workers.call(
                    function, timeout_s=TIMEOUT_S, caller=self.caller, **arguments
                )
        except (LogicnetError, OSError, ValueError):  # too slow; no process or pipe; no JSON
            return function(**_ends(arguments, short))
        return found


ON_LOOP = Reader()


def _texts(arguments: dict[str, Any]) -> list[str]:
    texts: list[str] = []
    for value in arguments.values():
        texts += [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for text in texts if isinstance(text, str)]


def _ends(arguments: dict[str, Any], short: int) -> dict[str, Any]:
    """The arguments, each text cut to its end, so that all are short together."""
    most = max(1, short // max(1, len(_texts(arguments))))

    def end(value: Any) -> Any:
        if isinstance(value, str):
            return value[-most:]
        return [end(one) for one in value] if isinstance(value, list) else value

    return {name: end(value) for name, value in arguments.items()}
