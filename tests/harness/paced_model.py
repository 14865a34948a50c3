"""A model server of a given speed: a script says what each chat reads and how many tokens that is.

Chats of one group run in one batch and slow each other; other groups have a server of their own, so that
many challenges can be tried at once, each as if it were alone. Text comes in pieces, each worth `tick_s`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.scripted_model import Json, Mode, ScriptedModel, _Caller, _delta


@dataclass(frozen=True, slots=True)
class Said:
    """One chat's reply. `logprob` is told of every token, if the caller asks."""

    text: str
    tokens: int
    logprob: float
    group: str


@dataclass(kw_only=True)
class PacedModel(ScriptedModel):
    """`tokens_per_s`: of each of so many chats of a group that run at once. `first_s`: to the first token."""

    script: Callable[[Json], Said]
    tokens_per_s: Callable[[int], float] = lambda _: 60.0
    first_s: float = 0.1
    tick_s: float = 0.5
    context: int | None = None  # tokens are as many as the script says, so none is counted

    batch: Counter[str] = field(default_factory=Counter)  # chats running now, by group

    async def _chat(self, mode: Mode, body: Json, caller: _Caller) -> bool:
        said = self.script(body)
        tokens = min(said.tokens, body.get("max_tokens") or said.tokens)
        cut = tokens < said.tokens
        text = said.text[: len(said.text) * tokens // said.tokens] if cut else said.text
        self.batch[said.group] += 1
        try:
            await caller.send(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            await caller.wait(self.first_s * self.tokens_per_s(1) / self.tokens_per_s(self.batch[said.group]))
            done, shown = 0.0, 0
            while done < tokens:
                speed = self.tokens_per_s(self.batch[said.group])
                step_s = min(self.tick_s, (tokens - done) / speed)
                await caller.wait(step_s)
                done = tokens if step_s < self.tick_s else min(done + step_s * speed, tokens)
                upto = round(len(text) * done / tokens)
                await caller.event(json.dumps(self._piece(text[shown:upto], said, body)))
                shown = upto
        finally:
            self.batch[said.group] -= 1
        await caller.event(json.dumps(_delta({}, finish_reason="length" if cut else "stop")))
        await caller.event(json.dumps({"choices": [], "usage": {"completion_tokens": tokens}}))
        await caller.event("[DONE]")
        await caller.send(b"0\r\n\r\n")
        return True

    def _piece(self, piece: str, said: Said, body: Json) -> dict[str, Any]:
        return _delta({"content": piece}, logprob=said.logprob if body.get("logprobs") else None)
