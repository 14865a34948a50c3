"""Thinking: the part of a text that a model writes for itself, between marks, before it answers.

gpt-oss has messages in channels instead (harmony): all but those of the channel "final" are thinking.
"""

import re

OPEN, CLOSE = "<think>", "</think>"
"""The usual marks; `Endpoint` puts them around thoughts that a server sends in a field of their own."""

_OPENS = (OPEN, "<thinking>", "<thought>", "[THINK]", "<|begin_of_thought|>", "<|channel>thought")
_CLOSES = (CLOSE, "</thinking>", "</thought>", "[/THINK]", "<|end_of_thought|>", "<channel|>")
_CHANNEL, _FINAL = "<|channel|>", "final"
_MESSAGE = re.compile(
    r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>(?:\s*+(?P<channel>\w{1,20}))?"
    r"(?:\Z|[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>)"
)
"""The head of one of harmony's messages, perhaps cut off."""
_MESSAGE_ENDS = ("<|end|>", "<|call|>", "<|start|>")
_TURN_ENDS = "<|return|>"
_KEPT = 0.9  # of the weight of earlier texts with each new one: a server may get another model
_PLAIN_TEXTS = 2.5  # the weight of three texts, before a model is believed not to think
_TOKENS_PER_BYTE, _SPARE_TOKENS = 0.6, 32
"""A text has at most so many tokens. More were written and not sent: some servers hide the thinking."""


def split(text: str) -> tuple[str, str | None]:
    """The thinking and what follows; a text in which no thinking ends is all thinking, followed by None."""
    if messages := harmony(text):
        final = [body for channel, body in messages if channel == _FINAL]
        thoughts = "\n\n".join(body for channel, body in messages if channel != _FINAL)
        return thoughts, final[-1] if final else None
    start, mark = max((text.rfind(mark), mark) for mark in _CLOSES)
    before, after = (text, None) if start < 0 else (text[:start], text[start + len(mark) :])
    return _without(_CLOSES, _without(_OPENS, before)), after


def shown(text: str) -> str:
    """The text without its thinking; the thinking, unmarked, if there is nothing else (yet)."""
    before, after = split(text)
    if after is not None and after.strip():
        return _without(_OPENS, after)
    opened = [place for mark in _OPENS if (place := text.find(mark)) >= 0]
    ahead = text[: min(opened, default=0)]  # some models answer first, and think about it afterwards
    return ahead if ahead.strip() and _CHANNEL not in text else before


def inside(text: str) -> bool:
    """Whether a block of thinking was opened and not closed."""
    if messages := harmony(text):
        return all(channel != _FINAL for channel, _ in messages)
    return any(mark in text for mark in _OPENS) and not any(mark in text for mark in _CLOSES)


def harmony(text: str) -> list[tuple[str, str]]:
    """The channel and the text of each of harmony's messages; empty if the text has none.

    What stands before the first of them has no channel: its head was in the prompt.
    """
    if _CHANNEL not in text:
        return []
    text = text.partition(_TURN_ENDS)[0]  # what follows, a model writes for other roles
    heads = list(_MESSAGE.finditer(text))
    if not heads:
        return []
    starts = [*(head.start() for head in heads), len(text)]
    found = [("", text[: starts[0]])] + [
        (head["channel"] or "", text[head.end() : following])
        for head, following in zip(heads, starts[1:], strict=True)
    ]
    bodies = [(channel, _up_to(_MESSAGE_ENDS, body).strip()) for channel, body in found]
    return [(channel, body) for channel, body in bodies if channel or body]


def _up_to(marks: tuple[str, ...], text: str) -> str:
    for mark in marks:
        text = text.partition(mark)[0]
    return text


def _without(marks: tuple[str, ...], text: str) -> str:
    for mark in marks:  # not a regular expression, which takes a hundred times as long for a text of "<"
        text = text.replace(mark, "")
    return text


class ThinkingHabit:
    """Whether a model thinks before it answers, learned from what it writes.

    The majority decides: a question can make a model write a mark, but not every text of every question.
    """

    def __init__(self) -> None:
        self._thinking = self._plain = 0.0

    @property
    def thinks(self) -> bool | None:
        """None before there is evidence."""
        if self._thinking > self._plain:
            return True
        return False if self._plain > _PLAIN_TEXTS else None

    def observe(self, written: str, tokens: int, *, complete: bool) -> None:
        """A text with its marks. An unmarked text counts only if complete: a template may open the block."""
        before, after = split(written)
        opened = (*_OPENS, _CHANNEL, f"<|start|>assistant{_CHANNEL}")
        marked = before.strip() and (after is not None or written.lstrip().startswith(opened))
        if marked or tokens > _TOKENS_PER_BYTE * len(written.encode()) + _SPARE_TOKENS:
            self.count(True)
        elif complete and written.strip():
            self.count(False)

    def count(self, thinks: bool, weight: float = 1.0) -> None:
        """Evidence that weighs as much as so many texts."""
        self._thinking = _KEPT * self._thinking + weight * thinks
        self._plain = _KEPT * self._plain + weight * (not thinks)
