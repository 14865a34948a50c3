"""How long a stranger's text can hold the miner's event loop.

    python benchmarks/loop.py             # both tables, a few minutes
    python benchmarks/loop.py --calls     # only the functions
    python benchmarks/loop.py --turns     # only whole challenges

Calls: the CPU time of one call of each function that the loop calls with a text of a stranger (a body, a
question, what a model writes), on hostile texts of the largest size that it gets there. Turns: the CPU time
of the longest step of a task and of the longest turn of the loop while challenges with such questions go
through the real axon, solvers and endpoint, whose model server (on a thread of its own) answers with such
texts. CPU time of one thread hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from logicnet.answers.extract import extract, short_answer
from logicnet.answers.kinds import question_kind
from logicnet.answers.normal import _option
from logicnet.answers.question import question_spec
from logicnet.answers.sentences import whole_sentences
from logicnet.axon import AxonServer, wire
from logicnet.axon.http import MOST_BYTES
from logicnet.axon.http import reply as http_reply
from logicnet.errors import Refusal
from logicnet.evals.arena.signing import classic_request
from logicnet.llm import Endpoint, Message, _chat
from logicnet.llm.fit import estimated_tokens, shortened
from logicnet.llm.thinking import inside, shown, split
from logicnet.maths.numbers import computed
from logicnet.protocol import Information, LogicSynapse
from logicnet.solver import Setup, load_solver
from logicnet.solver.answering import MOST_ANSWER, MOST_QUESTION, answer_in_time
from logicnet.solver.guard import addresses_judge
from logicnet.solver.race import reply, telling
from logicnet.solver.race.examples import nearest
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.solver.race.samplers import readable, reasoning_prompt
from logicnet.solver.reader import (
    OF_ANSWER,
    OF_QUESTION,
    SHORT,
    SHORT_TO_CUT,
    SHORT_TO_GUARD,
    reading_workers,
)
from logicnet.solver.reading import best, conclusion, named, sendable, sendable_answer, value
from logicnet.solver.special_tokens import spoken
from tests.harness.axon import MINER, VALIDATOR, Room
from tests.harness.hostile_text import FRAGMENTS
from tests.harness.scripted_model import Json, ScriptedModel

QUESTION = "How many pens are there?"
CHOICE = "Which of these? A) {0} B) {0}9 C) x{0} D) {0}"
OWN_TEXT = 6144 * _chat.CHARS_PER_TOKEN  # of the profile that writes most


# Calls -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    where: str
    name: str
    largest: int  # characters
    call: Callable[[Any], object]
    prepare: Callable[[str], Any] = str  # not measured


def _refused(call: Callable[[Any], object]) -> Callable[[Any], object]:
    def refused(text: Any) -> None:
        with suppress(Refusal):
            call(text)

    return refused


def _body(text: str) -> bytes:
    return json.dumps({"logic_question": text}, ensure_ascii=False).encode()[:MOST_BYTES]


def _asked(
    function: Callable[..., object], ask: Callable[[str], str], of_question: int, of_answer: int
) -> Callable[[str], object]:
    """Reads a text as an answer to what `ask` makes of it: both new, and as long as they may be."""

    def call(text: str) -> None:
        question = ask(text)[: SHORT // of_question]
        _forget()
        function(text=text[: (SHORT - of_question * len(question)) // of_answer], question=question)

    return call


def _forget() -> None:
    question_spec.cache_clear()
    computed.cache_clear()
    readable.cache_clear()
    _option.cache_clear()


def _readers() -> Iterator[Call]:
    asks: dict[str, Callable[[str], str]] = {
        "": lambda text: QUESTION,
        ", half of it the question": lambda text: text[:75],
        ", options": lambda text: CHOICE.format(text[:24]),
        ", a list": lambda text: "List the factors of 12, please.",
        ", to simplify": lambda text: "Simplify the expression.",
    }
    functions: dict[str, tuple[Callable[..., object], int, int]] = {
        "value": (value, OF_QUESTION, OF_ANSWER),
        "conclusion": (conclusion, OF_QUESTION, OF_ANSWER),
        "named": (partial(named, said="The answer is ", whole=True), OF_QUESTION, OF_ANSWER),
        "short_answer": (short_answer, 1, 1),
        "extract": (extract, 1, 1),
    }
    for name, weighed in functions.items():
        for how, ask in asks.items():
            function, of_question, of_answer = weighed
            yield Call("solver", name + how, SHORT, _asked(function, ask, of_question, of_answer))


def _kind(text: str) -> None:
    _forget()
    question_kind(text)


def calls() -> list[Call]:
    weak = profile_for("smollm2", load_profiles())

    def prompt(text: str) -> None:
        _forget()
        reasoning_prompt(text, weak)

    def written(text: str) -> None:
        state = _chat.StreamState(None, OWN_TEXT)
        state.take({"choices": [{"delta": {"content": text}}]})
        state.text()

    def asked(text: str) -> list[Message]:
        return [Message("user", text)]

    def as_json(text: str) -> bytes:
        return json.dumps(_chat.prompt(asked(text), set()), ensure_ascii=False).encode()

    return [
        Call("axon", "parse a body", MOST_BYTES, _refused(partial(wire.parse, LogicSynapse)), _body),
        Call("axon", "parse JSON", MOST_BYTES, _refused(partial(wire.parse, Information)), str.encode),
        Call("axon", "reply", MOST_BYTES, lambda text: http_reply(200, {"logic_question": text})),
        Call("solver", "question_kind", SHORT, _kind),
        *_readers(),
        Call("solver", "best", SHORT, lambda text: best([text[:150], text[150:]], [True, True])),
        Call("solver", "in_words", SHORT, telling.in_words),
        Call("solver", "addresses_judge", SHORT_TO_GUARD, addresses_judge),
        Call("solver", "sendable", SHORT_TO_GUARD, sendable),
        Call("solver", "spoken", SHORT_TO_GUARD, spoken),
        Call("solver", "told", SHORT_TO_GUARD, lambda text: telling.told(text[:600], text[900:], text[:300])),
        Call("solver", "nearest_to_all", SHORT_TO_GUARD, telling.nearest_to_all, _quarters),
        Call("solver", "whole_sentences", SHORT_TO_CUT, whole_sentences),
        Call("solver", "sendable_answer", MOST_ANSWER, sendable_answer),
        Call("solver", "reply.sendable", MOST_ANSWER, reply.sendable),
        Call("solver", "nearest", MOST_QUESTION, lambda text: nearest(text, 5)),
        Call("solver", "prompt", MOST_QUESTION, prompt),
        Call("llm", "encodable", MOST_QUESTION, lambda text: _chat.encodable(asked(text))),
        Call("llm", "estimated_tokens", MOST_QUESTION, lambda text: estimated_tokens(asked(text))),
        Call("llm", "shortened", MOST_QUESTION, lambda text: shortened(asked(text), 0.3)),
        Call("llm", "JSON of a prompt", MOST_QUESTION, as_json),
        Call("llm", "StreamState", OWN_TEXT, written),
        Call("llm", "shown", OWN_TEXT, shown),
        Call("llm", "inside", OWN_TEXT, inside),
        Call("llm", "split", OWN_TEXT, split),
    ]


def _quarters(text: str) -> list[str]:
    return [text[start::4] for start in range(4)]


def measured(call: Call) -> tuple[float, str]:
    """Milliseconds of the slowest of the hostile texts, and what it repeats."""
    worst = (0.0, "")
    for fragment in FRAGMENTS:
        text = call.prepare((fragment * (call.largest // len(fragment) + 1))[: call.largest])
        if _ms(call.call, text) > worst[0]:
            worst = max(worst, (min(_ms(call.call, text) for _ in range(3)), fragment))
    return worst


def _ms(call: Callable[[Any], object], text: Any) -> float:
    started_s = time.thread_time()
    call(text)
    return 1e3 * (time.thread_time() - started_s)


# Turns -------------------------------------------------------------------------------------------


@dataclass
class HostileModel(ScriptedModel):
    """Writes `fragment` until the limit of tokens, sixteen characters each, after a beginning."""

    fragment: str = "a "
    begins: str = ""

    def _events(self, body: Json) -> Iterator[Json]:
        tokens = body.get("max_tokens") or 64
        text = self.begins + self.fragment * (16 * tokens // len(self.fragment))
        for start in range(0, len(text), 64):
            yield {"choices": [{"delta": {"content": text[start : start + 64]}}]}
        yield {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@dataclass
class Turns:
    """CPU time of a loop's thread: its longest turn, the longest step of a task, and where that ended."""

    turn_s: float = 0.0
    step_s: float = 0.0
    where: str = ""
    _last_s: float = 0.0
    _stopped: bool = False

    @contextmanager
    def watched(self) -> Iterator[Turns]:
        loop = asyncio.get_running_loop()
        gc.collect()
        loop.set_task_factory(self._task)  # type: ignore[arg-type]
        self._last_s = time.thread_time()
        loop.call_soon(self._tick, loop)
        try:
            yield self
        finally:
            self._stopped = True
            loop.set_task_factory(None)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = time.thread_time()
        self.turn_s = max(self.turn_s, now_s - self._last_s)
        self._last_s = now_s
        if not self._stopped:
            loop.call_soon(self._tick, loop)

    def _task(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_Timed(coro, self), loop=loop, **more)

    def stepped(self, seconds: float, coro: Coroutine[Any, Any, Any]) -> None:
        if seconds <= self.step_s:
            return
        at: Any = coro
        names = [getattr(coro, "__qualname__", type(coro).__name__)]
        while (at := getattr(at, "cr_await", None)) is not None and hasattr(at, "cr_frame"):
            names.append(at.__qualname__)
        self.step_s, self.where = seconds, " > ".join(names[:1] + names[1:][-3:])


class _Timed(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are measured."""

    def __init__(self, coro: Coroutine[Any, Any, Any], turns: Turns) -> None:
        self._coro = coro
        self._turns = turns

    def send(self, value: Any) -> Any:
        return self._step(lambda: self._coro.send(value))

    def throw(self, *error: Any) -> Any:
        return self._step(lambda: self._coro.throw(*error))

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Any:
        return self._coro.__await__()

    def _step(self, step: Callable[[], Any]) -> Any:
        started_s = time.thread_time()
        try:
            return step()
        finally:
            self._turns.stepped(time.thread_time() - started_s, self._coro)


@contextmanager
def beside(server: ScriptedModel) -> Iterator[None]:
    """The server on a loop and thread of its own."""
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            while not ended.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _ask(port: int, question: str) -> int:
    headers, body = classic_request(
        VALIDATOR,
        synapse="LogicSynapse",
        miner_ss58=MINER.ss58_address,
        fields={"logic_question": question},
        timeout_s=20,
        nonce_ns=time.time_ns(),
        uuid=f"u{time.time_ns()}",
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/LogicSynapse", body, dict(headers))
    status = connection.getresponse().status
    connection.close()
    return status


async def turns(solver_name: str, model: str, cases: Mapping[str, tuple[str, str, str]]) -> list[list[str]]:
    """Rows of the table: a case's question, and what the model's text begins with and repeats."""
    rows = []
    server = HostileModel(model=model, context=131_072)
    with beside(server):
        endpoint = Endpoint(server.base_url, model)
        workers = reading_workers()
        solver = load_solver(solver_name, Setup(model=model, workers=workers))
        async with workers, solver if hasattr(solver, "__aenter__") else workers:
            await workers.start()
            room = Room(
                solve=partial(answer_in_time, solver, models=endpoint, workers=workers),
                clock_ns=time.time_ns,
            )
            async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
                await asyncio.to_thread(_ask, axon.port, "What is 1 + 1?")  # imports and connects
                for name, (question, server.begins, server.fragment) in cases.items():
                    with Turns().watched() as seen:
                        began_s = time.perf_counter()
                        status = await asyncio.to_thread(_ask, axon.port, question)
                        took_s = time.perf_counter() - began_s
                    outcome = [event.outcome for event in room.events if hasattr(event, "outcome")][-1:]
                    row = (solver_name, model, name, f"{1e3 * seen.step_s:.1f}", f"{1e3 * seen.turn_s:.1f}")
                    rows.append([*row, f"{took_s:.1f}", f"{status} {outcome}", seen.where])
        await endpoint.close()
    return rows


def cases(every: int) -> dict[str, tuple[str, str, str]]:
    found = {}
    for fragment in FRAGMENTS[::every]:
        long = fragment * (240_000 // len(json.dumps(fragment)[1:-1]))
        found[f"long question of {fragment!r}"] = (f"{long} how many?", "The answer is ", fragment)
        short = fragment * (2_400 // len(fragment))
        found[f"2,400 characters of {fragment!r}"] = (f"{short} how many?", "", fragment)
        found[f"options of {fragment!r}"] = (CHOICE.format(short[:200]), "The answer is ", fragment)
        found[f"a plain question, {fragment!r}"] = (QUESTION, "The answer is 9. ", fragment)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", action="store_true", help="only the functions")
    parser.add_argument("--turns", action="store_true", help="only whole challenges")
    parser.add_argument("--every", type=int, default=9, help="of the hostile fragments [default: 9]")
    parser.add_argument("--worst", type=int, default=12, help="rows of turns that are shown [default: 12]")
    asked = parser.parse_args()
    console = Console(width=200)
    if not asked.turns:
        table = Table("where", "function", "largest text", "ms", "on", title="One call, CPU time")
        for call in calls():
            ms, fragment = measured(call)
            table.add_row(call.where, call.name, f"{call.largest:,}", f"{ms:.1f}", repr(fragment))
        console.print(table)
    if not asked.calls:
        rows: list[list[str]] = []
        for solver, model in (("race", "chat"), ("race", "qwen3"), ("race", "smollm2"), ("direct", "chat")):
            rows += uvloop.run(turns(solver, model, cases(asked.every)))
        rows.sort(key=lambda row: -float(row[3]))
        heads = ("solver", "model", "case", "step, ms", "turn, ms", "answered, s", "outcome", "where")
        table = Table(*heads, title=f"Turns of the loop, CPU time: the longest of {len(rows)} challenges")
        for row in rows[: asked.worst]:
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
