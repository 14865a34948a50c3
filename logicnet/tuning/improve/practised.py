"""The texts of practice: practice.jsonl, whole, one a line, written before the next step begins.

A kill loses the texts in flight, and the next run asks for those alone.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from logicnet.errors import TuningError
from logicnet.evals.runs.run import read_lines
from logicnet.llm import Message

PRACTICE = "practice.jsonl"

PracticeSampler = Literal["reason", "program", "formal", "check", "chat"]
Source = Literal["model", "exact", "worked", "teacher", "ledger"]
"""Who wrote a text: the served model, the exact sampler in words, the question's own generator, a stronger
model, or this miner for a validator."""


@dataclass(frozen=True, slots=True)
class Practised:
    """One text of one sampler for one question. Chat rows have no question, and nothing to be right about."""

    question_id: str
    kind: str
    question: str
    sampler: PracticeSampler
    prompt: tuple[Message, ...]
    text: str
    value: str  # the answer that was read in it; empty if none
    right: bool
    tokens: int = 0
    finish: str = "stop"
    model: str = ""
    number: int = 0  # of the sample, from 0
    source: Source = "model"
    believed: bool = False  # nearly certain, and not known: no checker has seen it
    error: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.question_id, self.sampler, self.source, self.number

    def line(self) -> str:
        """As JSON, without its end, with the sampler under the key "lane", as in all stored practice."""
        found = {name: getattr(self, name) for name in _NAMES}
        found["prompt"] = [asdict(one) for one in self.prompt]
        found["lane"] = found.pop("sampler")
        return json.dumps(found)

    @classmethod
    def of_fields(cls, found: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError."""
        prompt = found["prompt"]
        if not isinstance(prompt, list):
            raise TypeError(prompt)
        found = found | {"prompt": tuple(Message(**one) for one in prompt)}
        return cls(sampler=found.pop("lane"), **found)


_NAMES = tuple(field.name for field in fields(Practised))


class PracticeFile:
    """practice.jsonl, open for more. One process at a time; use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises TuningError, BadRun."""
        self.path = path
        self.found = list(read_practice(path))
        self._keys = {one.key for one in self.found}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            whole = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(self._file.fileno(), whole)  # a line that a kill has torn
        except OSError as error:
            raise self._unwritable(error) from None

    def __contains__(self, key: tuple[str, str, str, int]) -> bool:
        return key in self._keys

    def add(self, one: Practised) -> None:
        try:
            self._file.write(one.line().encode() + b"\n")
        except OSError as error:
            raise self._unwritable(error) from None
        self._keys.add(one.key)
        self.found.append(one)

    def _unwritable(self, error: OSError) -> TuningError:
        return TuningError(
            f"cannot write {self.path}: {error.strerror or error}; `logicnet tune improve` goes on from here"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_practice(path: Path) -> Iterator[Practised]:
    """The whole lines of a practice.jsonl; none if there is no file. Raises BadRun, TuningError."""
    for number, found in read_lines(path):
        try:
            yield Practised.of_fields(found)
        except (KeyError, TypeError):
            raise TuningError(f"{path}, line {number}: not a line of practice; remove it") from None
