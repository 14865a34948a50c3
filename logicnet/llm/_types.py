"""The words between a solver and the models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Required, TypedDict, Unpack

from logicnet.deadline import Deadline

Finish = Literal["stop", "length", "deadline", "failed"]
"""Why the text ends: the model was done; its token limit; our deadline; the server failed."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """Whatever text had arrived, and why there is no more."""

    text: str
    finish: Finish
    tokens: int = 0  # generated, as far as the server said
    seconds: float = 0.0
    error: str = ""  # one line, only when finish is "failed"
    confidence: float | None = None  # mean log-probability of its tokens; None if not asked or said
    model: str = ""  # who wrote it, as served; empty where nobody said
    prompt_tokens: int = 0  # read, as far as the server said
    thinks: bool | None = None  # whether its model thinks before it answers; None if that is unknown


class How(TypedDict, total=False):
    """How a text is to be written."""

    max_tokens: Required[int]
    temperature: float  # 0 if not given
    regex: str | None  # the text must match it
    stop: Sequence[str]  # it ends before the first of these
    confidence: bool  # the model is asked how sure it was of each token


class Models(Protocol):
    """The models of one miner, seen by a solver."""

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        """Have the model answer `messages`, until `deadline` at the latest.

        A last message of role "assistant" is continued rather than followed. `on_text` gets each
        piece as it arrives.

        Never raises for anything a model server does: what had arrived comes back, with the
        reason in `finish`. Cancelling the call stops the generation on the server.
        """
        ...
