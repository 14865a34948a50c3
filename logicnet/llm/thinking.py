"""Thinking: the part of a text that a thinking model writes for itself, between <think> marks."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def shown(text: str) -> str:
    """The text without its thinking; the thinking, unmarked, if there is nothing else (yet)."""
    before, mark, after = text.rpartition(CLOSE)
    kept = after if after.strip() or not mark else before
    return kept.replace(OPEN, "").replace(CLOSE, "")
