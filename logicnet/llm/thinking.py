"""Thinking: the part of a text that a model writes for itself, between marks, before it answers."""

OPEN, CLOSE = "<think>", "</think>"
"""The usual marks; `Endpoint` puts them around thoughts that a server sends in a field of their own."""

_OPENS = (OPEN, "<thinking>", "<thought>", "[THINK]", "<|begin_of_thought|>")
_CLOSES = (CLOSE, "</thinking>", "</thought>", "[/THINK]", "<|end_of_thought|>")
_KEPT = 0.9  # of the weight of earlier texts with each new one: a server may get another model
_PLAIN_TEXTS = 2.5  # the weight of three texts, before a model is believed not to think
_TOKENS_PER_BYTE, _SPARE_TOKENS = 0.6, 32
"""A text has at most so many tokens. More were written and not sent: some servers hide the thinking."""


def split(text: str) -> tuple[str, str | None]:
    """The text up to the last closing mark, and what follows it: None if there is no closing mark."""
    start, mark = max((text.rfind(mark), mark) for mark in _CLOSES)
    before, after = (text, None) if start < 0 else (text[:start], text[start + len(mark) :])
    return _without(_CLOSES, _without(_OPENS, before)), after


def shown(text: str) -> str:
    """The text without its thinking; the thinking, unmarked, if there is nothing else (yet)."""
    before, after = split(text)
    return _without(_OPENS, after) if after is not None and after.strip() else before


def inside(text: str) -> bool:
    """Whether a block of thinking was opened and not closed."""
    return any(mark in text for mark in _OPENS) and not any(mark in text for mark in _CLOSES)


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
        marked = before.strip() and (after is not None or written.lstrip().startswith(_OPENS))
        if marked or tokens > _TOKENS_PER_BYTE * len(written.encode()) + _SPARE_TOKENS:
            self.count(True)
        elif complete and written.strip():
            self.count(False)

    def count(self, thinks: bool, weight: float = 1.0) -> None:
        """Evidence that weighs as much as so many texts."""
        self._thinking = _KEPT * self._thinking + weight * thinks
        self._plain = _KEPT * self._plain + weight * (not thinks)
