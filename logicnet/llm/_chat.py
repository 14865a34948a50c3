"""OpenAI's chat completion protocol with the additions of vLLM: the request and the stream."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from logicnet.llm._types import Finish, Message
from logicnet.llm.thinking import CLOSE, OPEN, shown

_EXTRAS = ("structured_outputs", "response_format", "continue_final_message", "stream_options", "logprobs")
OPTIONAL = frozenset((*_EXTRAS, "stop", "temperature", "max_tokens"))
"""Optional fields of a request: the extras, and three that OpenAI's thinking models refuse."""

ZERO = "temperature 0"
"""Not a field: a value that some servers (TGI) refuse."""

_LEAST_TEMPERATURE = 0.01
_LEAST_LOGPROB = -20.0  # vLLM writes -9999 for impossible tokens; one of them would dominate the mean

CHARS_PER_TOKEN = 16
"""Of a whole text, at most: English has 4.5. A server that writes more ignores its limit of tokens."""

_GO_ON = Message("user", "Go on exactly where your last message stopped, and repeat nothing of it.")
_TOO_LONG = re.compile(
    r"context|too (?:long|large|many tokens)|max_model_len|maximum (?:input|prompt)"
    r"|max_new_tokens`? must be <=",
    re.I,
)
_MAXIMUM = re.compile(
    r"(?:maximum context length (?:is|of)|context size \(|n_ctx:|max_new_tokens`? must be <=) ?(\d{1,9})",
    re.I,
)
_FINISHES: dict[str, Finish] = {"length": "length", "abort": "failed", "error": "failed"}


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What a solver asks of a model."""

    messages: Sequence[Message]
    max_tokens: int
    temperature: float = 0.0
    regex: str | None = None
    schema: Mapping[str, Any] | None = None
    stop: Sequence[str] = ()
    confidence: bool = False
    on_text: Callable[[str], None] | None = None

    def body(self, model: str, without: set[str]) -> dict[str, Any]:
        """The request as JSON, without some of the optional fields."""
        body: dict[str, Any] = {"model": model, **prompt(self.messages, without)}
        body["max_completion_tokens" if "max_tokens" in without else "max_tokens"] = self.max_tokens
        if "temperature" not in without:
            least = _LEAST_TEMPERATURE if ZERO in without else 0.0
            body["temperature"] = max(least, self.temperature)
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
        if self.regex is not None and "structured_outputs" not in without:
            body["structured_outputs"] = {"regex": self.regex}
        if self.schema is not None and "response_format" not in without:
            schema = {"name": "reply", "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.stop and "stop" not in without:
            body["stop"] = list(self.stop)
        if self.confidence and "logprobs" not in without:
            body["logprobs"] = True
        return body


@dataclass(slots=True)
class StreamState:
    """The text so far. `finish` is None until the server says why its text ended."""

    on_text: Callable[[str], None] | None
    left: int  # characters that are still taken
    finish: Finish | None = None
    error: Any = None  # an error in the stream
    tokens: int = 0
    prompt_tokens: int = 0
    begun: bool = False
    _content: list[str] = field(default_factory=list)
    _thinking: list[str] = field(default_factory=list)
    _logprobs: list[float] = field(default_factory=list)

    def take(self, event: Any) -> None:
        """Take one event of the stream. Unexpected shapes are ignored."""
        self.begun = True
        event = as_dict(event)
        choices = event.get("choices")
        choice = as_dict(choices[0]) if isinstance(choices, list) and choices else {}
        delta = as_dict(choice.get("delta") or choice.get("message"))  # the latter: `stream` was ignored
        thought = delta.get("reasoning_content") or delta.get("reasoning")  # the older name first
        content = delta.get("content")
        if isinstance(content, list):
            thought, content = _of_parts(content, "thinking"), _of_parts(content, "text")
        if isinstance(thought, str) and thought:
            self._add(self._thinking, thought, mark="" if self._thinking else OPEN)
        if isinstance(content, str) and content:
            self._add(self._content, content, mark=CLOSE if self._thinking and not self._content else "")
        tokens_said = as_dict(choice.get("logprobs")).get("content")
        for token in tokens_said if isinstance(tokens_said, list) else ():
            logprob = as_dict(token).get("logprob")
            if isinstance(logprob, int | float):
                self._logprobs.append(max(_LEAST_LOGPROB, min(0.0, float(logprob))))
        self.error = event.get("error") or self.error
        reason = "error" if self.error else choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish = _FINISHES.get(reason, "stop")
        usage = as_dict(event.get("usage"))
        if isinstance(tokens := usage.get("completion_tokens"), int):
            self.tokens = tokens
        if isinstance(tokens := usage.get("prompt_tokens"), int):
            self.prompt_tokens = tokens

    def text(self) -> str:
        """The answer without the thinking; the thinking if there is nothing else."""
        return shown("".join(self._content)) or "".join(self._thinking)

    def marked(self) -> str:
        """All that was written, the thinking between marks."""
        content, thoughts = "".join(self._content), "".join(self._thinking)
        return f"{OPEN}{thoughts}{CLOSE}{content}" if thoughts else content

    def confidence(self) -> float | None:
        """Mean log-probability of the tokens so far; None if the server does not send it."""
        return sum(self._logprobs) / len(self._logprobs) if self._logprobs else None

    def _add(self, to: list[str], piece: str, mark: str) -> None:
        piece = piece[: self.left]
        self.left -= len(piece)
        to.append(piece)
        self.tokens += 1  # the final usage event corrects this
        if self.on_text is not None:
            self.on_text(mark + piece)


def _of_parts(content: list[Any], kind: str) -> str:
    """The text of the parts of one `kind`, as Mistral sends a content; thinking is a list of parts itself."""
    parts = [as_dict(part) for part in content]
    found = [part.get(kind) for part in parts if part.get("type") == kind]
    return "".join(_of_parts(one, "text") if isinstance(one, list) else str(one or "") for one in found)


def prompt(messages: Sequence[Message], without: set[str]) -> dict[str, Any]:
    """The messages as JSON, and how the server continues a last message of the assistant."""
    continued = messages[-1].role == "assistant"
    by_server = continued and "continue_final_message" not in without
    if continued and not by_server:
        messages = [*messages, _GO_ON]
    body: dict[str, Any] = {"messages": [{"role": m.role, "content": m.content} for m in messages]}
    if by_server:
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def encodable(messages: Sequence[Message]) -> list[Message]:
    """The messages with a question mark for each lone surrogate, which JSON cannot hold."""
    return [Message(m.role, m.content.encode("utf-8", "replace").decode()) for m in messages]


def is_about_length(refusal: str) -> bool:
    """Whether a refusal says that prompt and answer are too long."""
    return _TOO_LONG.search(refusal) is not None


def context_in(refusal: str) -> int | None:
    """The context length that a refusal names."""
    found = _MAXIMUM.search(refusal)
    return int(found[1]) if found else None


def dispensable(body: dict[str, Any], refusal: str) -> set[str]:
    """The optional fields of `body` that a refusal names, else all its extras: retry without them."""
    refusal = refusal.replace("add_generation_prompt", "continue_final_message")
    used = OPTIONAL & body.keys()
    if "temperature" in refusal and body.get("temperature") == 0.0:
        return {ZERO}
    return {word for word in used if word in refusal} or {word for word in used if word in _EXTRAS}


def contexts(listing: Any) -> dict[str, int | None]:
    """Name and context length (tokens, None if unsaid) of the models of `/v1/models`, in its order."""
    data = as_dict(listing).get("data")
    cards = [as_dict(card) for card in data] if isinstance(data, list) else []
    lengths = {card["id"]: card.get("max_model_len") for card in cards if isinstance(card.get("id"), str)}
    return {name: size if isinstance(size, int) and size > 0 else None for name, size in lengths.items()}


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
