"""The reader: short texts are read on the event loop, long ones in a worker, with the same result."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from logicnet.answers import NormalForm, normal_form
from logicnet.answers.extract import short_answer
from logicnet.answers.kinds import question_kind
from logicnet.deadline import Deadline
from logicnet.llm import Completion
from logicnet.maths.worker import BoundedError
from logicnet.protocol import Answer, Challenge
from logicnet.solver import Models, Setup
from logicnet.solver.answering import MOST_QUESTION, answer_in_time
from logicnet.solver.direct import DirectSolver
from logicnet.solver.guard import addresses_judge
from logicnet.solver.race.telling import in_words, nearest_to_all, told
from logicnet.solver.reader import SHORT, SHORT_TO_GUARD, Reader, reading_workers
from logicnet.solver.reading import best, conclusion, named, sendable, value
from logicnet.solver.special_tokens import spoken

QUESTION = "How many pens are there?"
STEPS = "We count six boxes of seven pens, and add them up one by one. " * 8


@dataclass
class Workers:
    """In place of the processes: runs what is called, after JSON, or fails; and says who called what."""

    failure: Exception | None = None
    called: list[tuple[str, str]] = field(default_factory=list)

    async def call(self, function: Any, *, timeout_s: float, caller: str, **arguments: Any) -> Any:
        self.called.append((function.__name__, caller))
        if self.failure is not None:
            raise self.failure
        return json.loads(json.dumps(function(**json.loads(json.dumps(arguments)))))


def reader(workers: Workers, caller: str = "v") -> Reader:
    return Reader(workers, caller)  # type: ignore[arg-type]


async def test_a_short_text_stays_on_the_loop_and_a_long_one_goes_to_a_worker() -> None:
    workers = Workers()
    read = reader(workers)
    assert await read(question_kind, question=QUESTION) == question_kind(QUESTION)
    assert workers.called == []
    assert await read(question_kind, question=STEPS + QUESTION) == question_kind(STEPS + QUESTION)
    assert workers.called == [("question_kind", "v")]


async def test_all_texts_of_a_call_count_together() -> None:
    workers = Workers()
    half = "x" * (SHORT // 2)
    await reader(workers)(short_answer, text=half, question=half)
    assert not workers.called
    await reader(workers)(short_answer, text=half, question=half + "x")
    await reader(workers)(best, texts=[half, half, half], whole=[True, True, True])
    assert [name for name, _ in workers.called] == ["short_answer", "best"]


@pytest.mark.parametrize("failure", [BoundedError("took longer than 2 s"), OSError("no process")])
async def test_without_a_worker_the_end_of_a_text_is_read(failure: Exception) -> None:
    text = f"{STEPS}\nThe answer is 42."
    found = await reader(Workers(failure))(conclusion, text=text, question=QUESTION)
    assert found is not None
    assert found["key"] == "number:42"


async def test_a_worker_that_is_silent_is_not_waited_for() -> None:
    class Silent(Workers):
        async def call(self, *_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

    text = f"{STEPS}\nThe answer is 42."
    read = reader(Silent())
    found = await read(best, within_s=0.01, texts=[text, text], whole=[True, True])
    assert found[1] == "42"


TEXTS = (
    f"{STEPS}\nThe answer is 42.",
    f"{STEPS} So there are 42 pens.",
    f"{STEPS}<|im_end|> \ud800 half a character",
    STEPS * 40,
    "def f(x):\n    return x * 2\n" * 30,
    "i" * 4_000,
    "1," * 4_000,
)
CALLS: dict[str, Callable[[Reader, str], Awaitable[Any]]] = {
    "kind": lambda read, text: read(question_kind, question=text),
    "value": lambda read, text: read(value, text=text[-900:], question=QUESTION),
    "conclusion": lambda read, text: read(conclusion, text=text, question=QUESTION),
    "code": lambda read, text: read(conclusion, text=text, question="Write a function."),
    "named": lambda read, text: read(named, said="It is", text=text, question=QUESTION, whole=False),
    "short": lambda read, text: read(short_answer, text=text, question=QUESTION),
    "spoken": lambda read, text: read(spoken, text=text),
    "sendable": lambda read, text: read(sendable, text=text),
    "guard": lambda read, text: read(addresses_judge, text=text),
    "told": lambda read, text: read(told, question=QUESTION, steps=text, answer="42"),
    "in words": lambda read, text: read(in_words, program=text),
    "nearest": lambda read, text: read(nearest_to_all, texts=[text, text[3:], STEPS]),
    "best": lambda read, text: read(best, texts=[text, STEPS], whole=[True, False]),
}


async def test_real_workers_read_what_the_loop_reads() -> None:
    async with reading_workers() as workers:
        await workers.start()
        for name, call in CALLS.items():
            for text in TEXTS:
                there, here = await call(Reader(workers), text), await call(Reader(), text)
                assert there == (list(here) if isinstance(here, tuple) else here), (name, text[:40])


def test_a_form_survives_its_way() -> None:
    found, made = value("42 pens", QUESTION), normal_form("42 pens", QUESTION)
    assert found is not None
    assert made is not None
    back = NormalForm(**json.loads(json.dumps(found)))
    assert (back, back.text, back.kind) == (made, made.text, made.kind)


class Says:
    """A solver that answers with a reasoning, and keeps what it was asked."""

    def __init__(self, reasoning: str) -> None:
        self.reasoning = reasoning
        self.asked = ""

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        self.asked = challenge.question
        return Answer(self.reasoning, "42")


@pytest.mark.parametrize(("reasoning", "calls"), [(STEPS, []), (STEPS * 20, [("sendable", "v")])])
async def test_long_reasoning_is_guarded_in_a_worker(reasoning: str, calls: list[tuple[str, str]]) -> None:
    assert (len(reasoning) > SHORT_TO_GUARD) == bool(calls)
    workers, deadline = Workers(), Deadline.after(5)
    solution = await answer_in_time(
        Says(reasoning),
        Challenge(QUESTION, caller="v"),
        deadline,
        Writes(""),
        workers,  # type: ignore[arg-type]
    )
    assert solution.answer == Answer(reasoning.strip(), "42")
    assert workers.called == calls


async def test_a_solver_sees_the_ends_of_a_question_that_no_model_reads() -> None:
    solver = Says(STEPS)
    question = f"It begins. {'a ' * MOST_QUESTION} {QUESTION}"
    await answer_in_time(solver, Challenge(question), Deadline.after(5), Writes(""))
    assert len(solver.asked) <= MOST_QUESTION
    assert solver.asked.startswith("It begins.")
    assert solver.asked.endswith(QUESTION)


async def test_the_direct_solver_reads_long_texts_in_its_workers() -> None:
    workers = Workers()
    solver = DirectSolver.from_setup(Setup(workers=workers))  # type: ignore[arg-type]
    models = Writes(f"{STEPS}\nThe answer is 42.")
    answer = await solver.solve(Challenge(QUESTION, caller="v"), Deadline.after(20), models)
    assert answer.answer == "42"
    assert workers.called == [("short_answer", "v")]


class Writes:
    """Models that always write one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def complete(self, *_: Any, **__: Any) -> Completion:
        return Completion(self.text, "stop")
