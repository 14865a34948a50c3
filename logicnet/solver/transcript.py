"""Transcript: the models of one challenge, with every text that they wrote for it.

A solver gets it in place of the models, so that no text is lost however the solver ends.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

from logicnet.deadline import Deadline
from logicnet.llm import Completion, How, Message, Models
from logicnet.llm.thinking import shown
from logicnet.solver.reader import ON_LOOP, SHORT_TO_GUARD, Reader
from logicnet.solver.reading import best
from logicnet.solver.special_tokens import spoken


@dataclass(slots=True)
class _Text:
    pieces: list[str] = field(default_factory=list)
    whole: bool = False  # the model finished it


class Transcript:
    """`Models` that keep their texts. Each call ends at the challenge's deadline at the latest.

    `trouble`: the last error of a call, one line, empty if none failed.
    """

    def __init__(self, models: Models, deadline: Deadline, reader: Reader = ON_LOOP) -> None:
        self.trouble = ""
        self._models = models
        self._deadline = deadline
        self._reader = reader
        self._texts: list[_Text] = []
        self._callers: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        if self._closed:
            return Completion("", "deadline")
        text = _Text()
        self._texts.append(text)
        on_text = how.get("on_text")

        def remember(piece: str) -> None:
            text.pieces.append(piece)
            if on_text is not None:
                on_text(piece)

        caller = asyncio.current_task()
        assert caller is not None
        self._callers.add(caller)
        try:
            how["on_text"] = remember
            until = min(deadline, self._deadline, key=Deadline.remaining_s)
            completion = await self._models.complete(messages, deadline=until, **how)
        finally:
            self._callers.discard(caller)
        said = await self._reader(spoken, short=SHORT_TO_GUARD, text=completion.text)
        completion = replace(completion, text=said)
        self.trouble = completion.error or self.trouble
        text.pieces = [completion.text or "".join(text.pieces)]
        text.whole = completion.finish == "stop"
        return completion

    def close(self) -> None:
        """Cancel all open calls, also those of tasks that the solver left running."""
        self._closed = True
        for caller in self._callers:
            caller.cancel()

    async def best(self, within_s: float) -> tuple[str, str]:
        """See `reading.best`, of the texts so far, in about `within_s`."""
        texts = [shown("".join(text.pieces)) for text in self._texts]
        whole = [text.whole for text in self._texts]
        reasoning, answer = await self._reader(best, within_s=within_s, texts=texts, whole=whole)
        return reasoning, answer
