"""Answering: run a solver under its deadline, so that the reply is never late and never missing.

A wrong answer in time earns about 0.6 of the reward of a right one, silence earns nothing (the validator's
arithmetic, LogicNet 1.6). So a reply always goes out: the solver's answer, else the text of the models so
far, else a statement that the answer is unknown.
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import extract_tb

from logicnet._util.tasks import retrieved
from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError
from logicnet.events import Outcome
from logicnet.llm import Models
from logicnet.llm.fit import without_middle
from logicnet.maths.worker import Bounded
from logicnet.protocol import Answer, Challenge
from logicnet.solver._types import Solver
from logicnet.solver.guard import blank
from logicnet.solver.reader import SHORT_TO_GUARD, Reader
from logicnet.solver.reading import sendable, sendable_answer
from logicnet.solver.transcript import Transcript
from logicnet.votelog import read_vote_log

_SPARE_S = 0.05
"""Reserved before the deadline (at most a twentieth of the time) to build the reply. That takes under a
millisecond; the rest is for a busy event loop."""

_READ_S = 0.02
"""For a worker to read a long text at the deadline, and as much to send it after that."""

MOST_QUESTION = 64_000
"""Characters of a question that a solver sees, three times the longest expected; of a longer one the ends.
Each of its model calls takes time of the event loop in their number."""

MOST_REASONING = 32_000  # characters of a reply: four times 2,048 tokens
MOST_ANSWER = 1_000  # characters of a reply: a long line
_NO_REASONING = "No model finished a line of reasoning for this question in time."
_NO_ANSWER = "I do not know"

_abandoned: set[asyncio.Task[Answer]] = set()  # the event loop itself holds tasks only weakly


@dataclass(frozen=True, slots=True)
class Solution:
    """A reply that can be sent, and its outcome. `error` is one line, empty if solved."""

    answer: Answer
    outcome: Outcome
    error: str = ""


def unsolved(outcome: Outcome, error: str) -> Solution:
    """The reply to a challenge for which no text was written."""
    return Solution(Answer(_NO_REASONING, _NO_ANSWER), outcome, error)


async def answer_in_time(
    solver: Solver,
    challenge: Challenge,
    deadline: Deadline,
    models: Models,
    workers: Bounded | None = None,
) -> Solution:
    """Run `solver`, and return before `deadline` with the best answer. `workers` read long texts.

    Never raises, except that cancelling it cancels the solver. A late solver is cancelled, and the reply does
    not wait for it to end.
    """
    if len(challenge.question) > MOST_QUESTION:
        challenge = replace(challenge, question=without_middle(challenge.question, MOST_QUESTION))
    transcript = Transcript(models, deadline, reader := Reader(workers, challenge.caller))
    spare_s = min(_SPARE_S, deadline.total_s() / 20)
    task = asyncio.create_task(_solve(solver, challenge, deadline, transcript))
    try:
        # A solver that asks no model needs one turn of the loop, a third of the cost of a timed wait.
        await asyncio.sleep(0)
        if not task.done():
            await asyncio.wait((task,), timeout=max(0.0, deadline.remaining_s() - spare_s))
    finally:
        if not task.done():
            _abandon(task)
        transcript.close()
    sender = _Sender(transcript, reader, max(_READ_S, deadline.remaining_s() - _READ_S))
    if not task.done():
        because = _because("the solver was not done at the deadline", transcript)
        return await sender.salvaged("late", because)
    if task.cancelled():
        return await sender.salvaged("failed", "the solver cancelled itself")
    error = task.exception()
    if error is not None:
        return await sender.salvaged("failed", _because(_one_line(error), transcript))
    return timely(await sender.checked(task.result()), deadline)


def timely(solution: Solution, deadline: Deadline) -> Solution:
    """The solution; "late" instead of "solved" after the deadline, as its caller may be gone."""
    over_s = deadline.elapsed_s() - deadline.total_s()
    if solution.outcome != "solved" or over_s <= 0.0:
        return solution
    return replace(solution, outcome="late", error=f"the answer came {over_s:.2f} s after the deadline")


async def _solve(solver: Solver, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
    try:
        return await solver.solve(challenge, deadline, models)
    except SystemExit as error:  # would end the event loop, and with it every other challenge
        raise RuntimeError("the solver called sys.exit") from error


def _abandon(task: asyncio.Task[Answer]) -> None:
    task.cancel()
    _abandoned.add(task)
    task.add_done_callback(_abandoned.discard)
    task.add_done_callback(retrieved)


@dataclass(frozen=True, slots=True)
class _Sender:
    """Makes what can be sent, in about `within_s`."""

    transcript: Transcript
    reader: Reader
    within_s: float

    async def checked(self, answer: Answer) -> Solution:
        """The solver's answer if it is valid."""
        texts = (answer.answer, answer.reasoning) if isinstance(answer, Answer) else (None,)
        if not all(isinstance(text, str) for text in texts):
            what = f"the solver returned {type(answer).__name__}, not an Answer of text"
            return await self.salvaged("failed", what)
        short = sendable_answer(answer.answer[:MOST_ANSWER])
        reasoning = await self._sendable(answer.reasoning)
        vote_log = read_vote_log(answer.vote_log)
        if short and reasoning:
            return Solution(Answer(reasoning, short, vote_log), "solved")
        found = await self.salvaged("failed", "the solver returned an empty answer or no reasoning")
        return Solution(
            Answer(reasoning or found.answer.reasoning, short or found.answer.answer, vote_log),
            found.outcome,
            found.error,
        )

    async def salvaged(self, outcome: Outcome, error: str) -> Solution:
        """The text of the models so far, and the answer in it."""
        reasoning, short = await self.transcript.best(self.within_s)
        reasoning, short = await self._sendable(reasoning), sendable_answer(short[:MOST_ANSWER])
        short = "" if blank(short) else short
        return Solution(Answer(reasoning or _NO_REASONING, short or _NO_ANSWER), outcome, error)

    async def _sendable(self, reasoning: str) -> str:
        text = reasoning[:MOST_REASONING]
        return await self.reader(sendable, short=SHORT_TO_GUARD, within_s=self.within_s, text=text)


def _because(what: str, transcript: Transcript) -> str:
    """The error, with the last error of the models unless they are the same."""
    trouble = transcript.trouble
    return what if not trouble or trouble in what else f"{what} ({trouble})"


def _one_line(error: BaseException) -> str:
    """The error and its place, without the message of a foreign error: it may quote the question."""
    if isinstance(error, LogicnetError):
        return str(error)
    frames = extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"the solver raised {type(error).__name__}{where}"
