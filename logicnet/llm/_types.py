"""The types between a solver and the models, and the settings of one model server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Required, TypedDict, Unpack

from pydantic import SecretStr

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
    unbegun: bool = False  # no server took the prompt: none was reached, or it refused


class How(TypedDict, total=False):
    """Parameters of one call."""

    max_tokens: Required[int]
    temperature: float  # default: 0
    regex: str | None  # the text must match it
    schema: Mapping[str, Any] | None  # the text must be JSON of this JSON schema
    stop: Sequence[str]  # the text ends before the first of these
    confidence: bool  # request log-probabilities
    on_text: Callable[[str], None] | None  # gets each piece as it arrives


class Models(Protocol):
    """The models of one miner, as a solver sees them."""

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """Generate an answer to `messages`, until `deadline` at the latest.

        A last message of role "assistant" is continued. A failure of a server does not raise: the text so
        far comes back with the reason in `finish`. Cancelling the call stops the generation on the server.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """The daily limit of a paid server (UTC): tokens, or money.

    Prices are per million tokens, in the currency of `per_day`; 0 to count tokens.
    """

    per_day: float
    price_in: float = 0.0
    price_out: float = 0.0
    money: bool = False

    def cost(self, read: int, written: int) -> float:
        """The cost in the unit of `per_day`."""
        if not self.money:
            return float(read + written)
        return (read * self.price_in + written * self.price_out) / 1e6


@dataclass(frozen=True, slots=True)
class Spec:
    """One server. With a `limit` it is a paid one, asked only if no other answers."""

    url: str
    model: str | None = None  # None: the server's first
    key: SecretStr | None = None
    weight: float = 1.0  # between equally fast servers, more weight gets more calls
    most_calls: int | None = None  # concurrent
    timeout_s: float | None = None  # the longest silence before another server is asked
    limit: Limit | None = None
    router: bool = False  # it fronts several engines, so a retry may reach another
    ray: bool = False  # `url` is the dashboard of a Ray cluster, whose jobs are the servers
