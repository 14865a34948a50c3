"""The types between a solver and the models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Required, TypedDict, Unpack

from logicnet.deadline import Deadline

Finish = Literal["stop", "length", "deadline", "failed"]
"""Why the text ends: the model finished; the token limit; the deadline; the server failed."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The text that had arrived, and why it ends."""

    text: str
    finish: Finish
    tokens: int = 0  # generated, as the server counts them
    seconds: float = 0.0
    error: str = ""  # one line, only when finish is "failed"
    confidence: float | None = None  # mean log-probability of its tokens; None if not asked for or not sent
    model: str = ""  # the name that served it; empty if unknown
    prompt_tokens: int = 0  # of the prompt, as the server counts them
    thinks: bool | None = None  # whether its model thinks before it answers; None: unknown


class How(TypedDict, total=False):
    """Sampling parameters of one call."""

    max_tokens: Required[int]
    temperature: float  # default: 0
    regex: str | None  # the text must match it
    stop: Sequence[str]  # the text ends before the first of these
    confidence: bool  # request log-probabilities


class Models(Protocol):
    """The models of one miner, as a solver sees them."""

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        """Generate an answer to `messages`, until `deadline` at the latest.

        A last message of role "assistant" is continued. `on_text` gets each piece as it arrives. A failure
        of a server does not raise: the text so far comes back with the reason in `finish`. Cancelling the
        call stops the generation on the server.
        """
        ...
