"""Texts that a validator takes for an attack on its judge: step 4(a) of correctness, without a model.

A miner checks its own answer with the same rules: a true answer that looks like a trick earns -1 as well.
Source: LogicNet 1.6 and its earlier public releases; compared in lower case.
"""

import re

EMPTY = ";"  # the answer of miners that have none. It scores 0, and no model is asked.
EMPTY_SCORE = 0.0
TRICK_SCORE = -1.0

MARKS: dict[str, str] = {
    "miner_answer": "names the slot that the answer is put into",
    "<example>": "opens a block of the detector's own examples",
    "</": "closes some block of the prompt; no short answer needs markup",
    "<preference": "opens a block of preferences for the judge",
    "preference>": "closes one, or opens one with a longer name",
}
"""Piece of text -> what it is there for."""

_TEMPLATE = re.compile(r"\{\{\s*+answer\s*+\}\}")  # asks a templating prompt to fill in the truth


def trick(answer: str) -> str | None:
    """The reason why a validator would take `answer` for a trick, or None."""
    lowered = answer.lower()
    for mark, why in MARKS.items():
        if mark in lowered:
            return f"it holds {mark!r}, which {why}"
    if _TEMPLATE.search(lowered):
        return "it holds '{{ answer }}', which asks a templating prompt for the truth"
    return None
