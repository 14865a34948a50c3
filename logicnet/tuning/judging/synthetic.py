"""Synthetic rows made of the test's: a model that learned the test does worse on them than on the test.

Every text of a row but a system's is put into other words, the answer too: a model that trained on the test
knows its answers word by word, and would write them behind a reworded question just as well.
By rules (`reworded`), or by a model at an OpenAI-compatible endpoint (`rephrased`).
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.evals.challenges.problem import Problem, seed_of
from logicnet.evals.challenges.rephrase import TRIES, unfaithful
from logicnet.llm import Message, Models
from logicnet.scoring.incentive import REPHRASE_MAX_TOKENS, REPHRASE_TEMPERATURE

JsonRow = dict[str, Any]

LEAST_CHANGED = 0.5
"""Of the rows' answers; below, a memory of the test would hardly be noticed."""

_SWAPPED = 0.8
"""Of the words that have another, in a row."""

_AT_ONCE = 8
_TIMEOUT_S = 60.0

_PAIRS = (
    *(("also", "too"), ("big", "large"), ("small", "little"), ("begin", "start"), ("begins", "starts")),
    *(("buy", "purchase"), ("buys", "purchases"), ("bought", "purchased"), ("show", "display")),
    *(("shows", "displays"), ("need", "require"), ("needs", "requires"), ("get", "receive")),
    *(("gets", "receives"), ("got", "received"), ("help", "assist"), ("many", "numerous")),
    *(("kids", "children"), ("mother", "mom"), ("father", "dad"), ("car", "automobile")),
    *(("doctor", "physician"), ("money", "cash"), ("fast", "quick"), ("quickly", "rapidly")),
    *(("hard", "difficult"), ("correct", "right"), ("wrong", "incorrect"), ("often", "frequently")),
    *(("because", "since"), ("therefore", "so"), ("thus", "so"), ("but", "yet"), ("while", "whereas")),
    *(("finally", "lastly"), ("left", "remaining"), ("altogether", "overall"), ("total", "overall sum")),
    *(("write", "put down"), ("explain", "describe"), ("give", "provide"), ("gives", "provides")),
    *(("find", "determine"), ("compute", "calculate"), ("solve", "work out"), ("use", "employ")),
    *(("is", "equals"), ("are", "make"), ("the", "this"), ("a", "one"), ("an", "one"), ("each", "every")),
    *(("another", "one more"), ("per", "for each"), ("together", "jointly"), ("costs", "is priced at")),
    *(("cost", "price"), ("wants", "wishes"), ("has", "holds"), ("have", "hold"), ("had", "held")),
    *(("makes", "produces"), ("make", "produce"), ("made", "produced"), ("only", "just")),
    *(("of", "out of"), ("then", "after that"), ("first", "to begin with"), ("more", "additional")),
    *(("than", "compared to"), ("will", "shall"), ("must", "has to"), ("should", "ought to")),
    *(("all", "every one of"), ("both", "the two"), ("after", "following"), ("before", "prior to")),
)
"""Word for word; grammar may suffer, which is the same for every miner."""

_OTHER = {**{one: other for other, one in _PAIRS}, **dict(_PAIRS)}
_WORD = re.compile(r"[^\W\d_]+")
_OPENINGS = (
    "Here is a task. ",
    "Please answer this: ",
    "I would like to know the following. ",
    "Consider this. ",
    "One question: ",
)

_INSTRUCTION = (
    "Put the text into other words: change its sentences and most of its words, and keep its meaning, its "
    "length and its language. Keep every number, formula, name, line of code and instruction for the form of "
    "an answer exactly as it is. Do not answer or solve it. Reply with the reworded text and nothing else."
)


@dataclass(frozen=True)
class SyntheticRows:
    """In the order of the test's rows; `changed`: share of the rows whose answer has other words."""

    rows: tuple[JsonRow, ...]
    changed: float
    raw: int = 0  # texts that the model could not reword


def reworded(rows: Sequence[JsonRow], seed: int) -> SyntheticRows:
    """By rules: the same for a seed."""
    made = [_changed(row, _Rewording(seed_of(seed, number))) for number, row in enumerate(rows)]
    return SyntheticRows(tuple(made), _share_changed(rows, made))


class _Rewording:
    """The same words change in all texts of a row."""

    def __init__(self, seed: int) -> None:
        luck = Random(seed)  # noqa: S311 (no secret)
        self._other = {word: other for word, other in _OTHER.items() if luck.random() < _SWAPPED}
        self._opening = luck.choice(_OPENINGS)

    def __call__(self, text: str, asked: bool) -> str:
        found = _WORD.sub(self._swapped, text)
        return self._opening + found if asked else found

    def _swapped(self, found: re.Match[str]) -> str:
        word = found[0]
        other = self._other.get(word.lower(), word)
        return other[0].upper() + other[1:] if word[0].isupper() else other


async def rephrased(
    rows: Sequence[JsonRow], models: Models, *, on_done: Callable[[], None] = lambda: None
) -> SyntheticRows:
    """By a model. Raises ModelError if it reworded nothing."""
    limit = asyncio.Semaphore(_AT_ONCE)
    said: dict[tuple[int, str], str] = {}
    raw = 0
    error = ""

    async def one(number: int, text: str) -> None:
        nonlocal raw, error
        async with limit:
            for _ in range(TRIES):
                done = await models.complete(
                    [Message("system", _INSTRUCTION), Message("user", text)],
                    deadline=Deadline.after(_TIMEOUT_S),
                    max_tokens=REPHRASE_MAX_TOKENS,
                    temperature=REPHRASE_TEMPERATURE,
                )
                error = done.error or error
                found = done.text.strip()
                if done.finish == "stop" and not unfaithful(Problem(text, ""), found):
                    said[number, text] = found
                    break
            else:
                raw += 1
        on_done()

    asked = {(number, text) for number, row in enumerate(rows) for text, _ in _texts(row)}
    await asyncio.gather(*(one(*which) for which in sorted(asked)))
    if not said:
        raise ModelError(f"nothing was reworded: {error or 'the model wrote nothing that keeps all numbers'}")
    made = []
    for number, row in enumerate(rows):
        its = {text: said.get((number, text), text) for text, _ in _texts(row)}
        made.append(_changed(row, lambda text, _, its=its: its[text]))  # type: ignore[misc]  # of a default
    return SyntheticRows(tuple(made), _share_changed(rows, made), raw)


def _texts(row: JsonRow) -> Iterator[tuple[str, bool]]:
    """The texts of a row that are reworded, and whether it is one that asks."""
    found: list[tuple[str, bool]] = []

    def note(text: str, asked: bool) -> str:
        found.append((text, asked))
        return text

    _changed(row, note)
    return iter(found)


def _changed(row: JsonRow, change: Callable[[str, bool], str]) -> JsonRow:
    """`change(text, asked)` of every text but a system's and a rejected answer."""
    if "text" in row:
        return {"text": change(row["text"], False)}
    return {
        name: value
        if name not in ("prompt", "completion", "messages", "chosen")
        else [
            message
            if message["role"] == "system"
            else message | {"content": change(message["content"], message["role"] == "user")}
            for message in value
        ]
        for name, value in row.items()
    }


def _share_changed(rows: Sequence[JsonRow], made: Sequence[JsonRow]) -> float:
    def answers(row: JsonRow) -> list[str]:
        return [text for text, asked in _texts(row) if not asked]

    changed = sum(answers(one) != answers(other) for one, other in zip(rows, made, strict=True))
    return changed / len(rows)
