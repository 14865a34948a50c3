"""Fit: make a prompt and its answer fit into the context of the model.

Pure arithmetic on messages; the caller provides the token count.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from logicnet.llm._types import Message

Count = Callable[[Sequence[Message]], Awaitable[int | None]]
"""Exact tokens of messages in the model's own template; None if the server cannot count."""

_BYTES_PER_TOKEN = 2.0
_TOKENS_PER_MESSAGE = 8
_TOKENS_PER_PROMPT = 32
"""A high estimate. SmolLM2 and Qwen2.5 take 4 bytes of English per token, but one token
per digit or sign, so 2 to 2.5 bytes where there is much arithmetic; templates add a system prompt."""

_LEAST_SHARE = 4  # the answer keeps a quarter of the context, or max_tokens if that is less
_MOST_ROUNDS = 4


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Tokens of a prompt, estimated high."""
    size = sum(len(message.content.encode()) for message in messages)
    return int(size / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_PROMPT


async def fitted(
    messages: Sequence[Message], max_tokens: int, context: int, count: Count, *, doubt: float = 1.0
) -> tuple[Sequence[Message], int]:
    """Messages and max_tokens that fit into `context` tokens together.

    The answer gives way first, down to a quarter of the context; then the longest messages lose their middle.
    Tokens are counted only where an estimate is not enough. `doubt` above 1 raises the estimates: the server
    refused a request that should have fitted.
    """
    estimate = int(estimated_tokens(messages) * doubt)
    if estimate + max_tokens <= context:
        return messages, max_tokens
    if estimate <= context // 2 and doubt == 1.0:
        return messages, context - estimate
    room = context - min(max_tokens, max(1, context // _LEAST_SHARE))
    share = min(1.0, 2 * context / estimate)  # so that a book is not sent only to be counted
    for _ in range(_MOST_ROUNDS):
        shorter = shortened(messages, share)
        counted = await count(shorter)
        tokens = int(estimated_tokens(shorter) * doubt) if counted is None else counted
        if tokens <= room:
            break
        share *= 0.95 * room / tokens
    return shorter, max(1, min(max_tokens, context - tokens))


def shortened(messages: Sequence[Message], share: float) -> Sequence[Message]:
    """Messages cut to `share` of their characters, the longest ones first."""
    if share >= 1.0:
        return messages
    most = _level([len(message.content) for message in messages], share)
    return [replace(message, content=without_middle(message.content, most)) for message in messages]


def _level(lengths: list[int], share: float) -> int:
    """The length to cut all longer ones to, so that `share` of the sum is left."""
    left = int(share * sum(lengths))
    for place, length in enumerate(sorted(lengths)):
        among = len(lengths) - place
        if length * among >= left:
            return left // among
        left -= length
    return max(lengths)


def without_middle(text: str, most: int) -> str:
    """Head and tail of a text, cut between words; more tail, because questions tend to stand at the end."""
    if len(text) <= most:
        return text
    kept = max(0, most - len(_omission(len(text))))
    head = _to_last_space(text[: kept // 3])
    tail = _to_last_space(text[::-1][: kept - kept // 3])[::-1]
    return head + _omission(len(text) - len(head) - len(tail)) + tail


def _to_last_space(text: str) -> str:
    """The text up to its last space, if one is near the end."""
    cut = max(text.rfind(" "), text.rfind("\n"))
    return text[: cut + 1] if cut > 0.8 * len(text) else text


def _omission(characters: int) -> str:
    return f"\n[... {characters} characters left out ...]\n"
