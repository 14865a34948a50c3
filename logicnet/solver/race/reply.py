"""The reply: a short answer in the form that the validator compares, and its reasoning.

The reasoning is the trace closest to the others that reached the answer: the unknown reference is likely to
be near their middle. If only a calculation reached it, the reply tells its steps in words. If nothing says
how the answer comes about, the reply is the question and the answer: it invents no steps. Told calculations
and the terse traces of small models begin with the question, so that they can be read alone. Cosines with a
plain completion of SmolLM2-135M on 39 easy tasks: another completion 0.63, a terse trace 0.62 (with the
question 0.68), a told calculation 0.65 (with the question 0.68).
"""

import asyncio
from collections.abc import Sequence

from loguru import logger

from logicnet.answers import NormalForm
from logicnet.errors import LogicnetError
from logicnet.maths.worker import Bounded
from logicnet.protocol import Answer
from logicnet.scoring.similarity import at_hand
from logicnet.solver.guard import addresses_judge, suspicious
from logicnet.solver.race.samplers import Sample
from logicnet.solver.race.telling import (
    MOST_COMPARED,
    MOST_PROGRAM,
    MOST_READ,
    as_listing,
    concluded,
    ends_at,
    in_words,
    is_trace,
    nearest_to_all,
    told,
)
from logicnet.solver.reader import OF_ANSWER, OF_QUESTION, ON_LOOP, SHORT_TO_GUARD, Reader
from logicnet.solver.reading import disagrees

TRACED = ("reason", "forced")  # samplers whose trace is reasoning
COMPUTED = ("exact", "formal")  # samplers whose trace tells a calculation step by step
NO_ANSWER = "I do not know"
NO_STEPS = "The steps to this answer are not available."
_MOST_TRACE = 32_000  # characters of a trace: as many as a reply holds
_MODULE = "logicnet.solver.race.embedding"  # by name only: it imports torch
LOAD_S = 300.0  # torch and the model, from a cold disk on a busy machine
_CALL_S = 10.0  # for one comparison, even if its caller left
_RESTARTS = 3  # of a process that worked before
_COMPARE_S = 0.3  # for the embeddings of some traces, 20 ms each on a slow core


class Closest:
    """Finds the text closest to the others: by all-MiniLM-L6-v2 once it is loaded, else by words."""

    def __init__(self) -> None:
        self._process = Bounded(_MODULE, memory_bytes=None) if at_hand() else None
        self._ready = False
        self._restarts = 0
        self._calls: set[asyncio.Task[list[list[float]] | None]] = set()

    def start(self) -> None:
        """Start the embedding worker, which takes seconds."""
        if self._process is not None:
            self._call(("one", "two"), LOAD_S)

    async def close(self) -> None:
        while self._calls:  # a call that ends may start another
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
        if self._process is not None:
            await self._process.aclose()

    async def among(
        self, texts: Sequence[str], within_s: float = _COMPARE_S, reader: Reader = ON_LOOP
    ) -> str:
        """The text that is most similar to the rest; the longer of two. `texts` is not empty."""
        texts = list(dict.fromkeys(texts))
        if len(texts) < 3:
            return max(texts, key=len)
        likeness = await self._by_embedding(texts, min(within_s, _COMPARE_S))
        if likeness is None:
            heads = [text[:MOST_COMPARED] for text in texts]
            return texts[await reader(nearest_to_all, short=SHORT_TO_GUARD, texts=heads)]
        return texts[max(range(len(texts)), key=lambda one: sum(likeness[one]))]

    async def _by_embedding(self, texts: Sequence[str], within_s: float) -> list[list[float]] | None:
        if not self._ready or self._calls:  # a busy worker is not waited for
            return None
        call = self._call([text[:MOST_COMPARED] for text in texts], _CALL_S)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(call)  # keep the worker after a slow answer
        except TimeoutError:
            return None

    def _call(self, texts: Sequence[str], timeout_s: float) -> asyncio.Task[list[list[float]] | None]:
        call = asyncio.create_task(self._likeness(texts, timeout_s))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    async def _likeness(self, texts: Sequence[str], timeout_s: float) -> list[list[float]] | None:
        assert self._process is not None
        try:
            found: list[list[float]] = await self._process.call(
                f"{_MODULE}:likeness", timeout_s=timeout_s, texts=list(texts)
            )
        except (LogicnetError, OSError) as error:  # OSError: no process could be started
            logger.info("Comparing traces by their words, not by embeddings: {}.", error)
            # Restart a worker that worked before, a few times: it may be too slow here.
            again = self._ready and self._restarts < _RESTARTS
            self._ready = False
            if again:
                self._restarts += 1
                self.start()
            return None
        self._ready = True
        return found


async def reply(
    question: str,
    chosen: NormalForm,
    ends: Sequence[Sample],
    closest: Closest,
    *,
    terse: bool = False,
    within_s: float = _COMPARE_S,
    reader: Reader = ON_LOOP,
) -> Answer:
    """The answer `chosen` with the best reasoning of the samples that reached it, in about `within_s`.

    `terse`: the traces do not repeat the question. A trace that addresses a judge is not used.
    """
    answer = sendable(chosen.text)
    said = answer if answer != NO_ANSWER else ""
    asked = question[-(MOST_READ + 1) :]
    reached = [end for end in ends if end.form is not None and end.form.key == chosen.key]
    told_steps = [end.trace for end in reached if end.sampler in COMPUTED and end.trace]
    program = next((end.program for end in reached if end.program), "")
    steps = await reader(in_words, program=program[: MOST_PROGRAM + 1]) if program else ""
    if steps and ends_at(steps, answer):  # the model may have read what it printed, and gone on from there
        told_steps.append(steps)
    agreeing = await _agreeing(reached, question, chosen, within_s, reader)
    traces: Sequence[str] = [trace for trace in agreeing if is_trace(trace, asked, said)]
    if not (traces or told_steps or program):
        traces = agreeing  # poor, but all there is
    reasoning = ""
    while traces and not reasoning:
        reasoning = await closest.among(traces, within_s, reader)
        if await reader(addresses_judge, short=SHORT_TO_GUARD, text=reasoning):
            traces, reasoning = [trace for trace in traces if trace != reasoning], ""
    if not reasoning or terse:
        steps = reasoning or next(iter(told_steps), "") or as_listing(program[:MOST_PROGRAM])
        reasoning = await reader(told, short=SHORT_TO_GUARD, question=asked, steps=steps, answer=said)
    else:
        reasoning = await reader(concluded, short=SHORT_TO_GUARD, steps=reasoning, answer=said)
    return Answer(reasoning if reasoning.strip() else NO_STEPS, answer)


async def _agreeing(
    reached: Sequence[Sample], question: str, chosen: NormalForm, within_s: float, reader: Reader
) -> Sequence[str]:
    """The traces that reached an answer, without those that had stated another before they were made to."""
    traces = {end.trace[:_MOST_TRACE]: end.sampler for end in reached if end.sampler in TRACED}
    forced = [trace for trace, sampler in traces.items() if sampler == "forced"]
    weighs = OF_QUESTION * len(question) + OF_ANSWER * sum(map(len, forced))
    others = await reader(
        disagrees, weighs=weighs, within_s=within_s, texts=forced, question=question, key=chosen.key
    )
    wrong = {trace for trace, other in zip(forced, others, strict=True) if other}
    return [trace for trace in traces if trace.strip() and trace not in wrong]


def sendable(text: str) -> str:
    """The answer, unless it looks like a trick."""
    return NO_ANSWER if suspicious(text) or not text.strip().strip(" .;") else text
