"""Answering: run a solver under its deadline, so that the reply is never late and never missing.

A wrong answer in time earns about 0.6 of the reward of a right one, silence earns nothing (the validator's
arithmetic, LogicNet 1.6). So a reply always goes out: the solver's answer, else the text of the models so
far, else a statement that the answer is unknown.
"""

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import extract_tb

from logicnet._util.tasks import retrieved
from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError
from logicnet.events import Outcome
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver._types import Solver
from logicnet.solver.guard import addresses_judge, blank, suspicious, visible
from logicnet.solver.special_tokens import spoken
from logicnet.solver.transcript import Transcript
from logicnet.votelog import read_vote_log

_SPARE_S = 0.05
"""Reserved before the deadline (at most a twentieth of the time) to build the reply. That takes under a
millisecond; the rest is for a busy event loop."""

MOST_REASONING = 32_000  # characters of a reply: four times 2,048 tokens
MOST_ANSWER = 1_000  # characters of a reply: a long line
_NO_REASONING = "No model finished a line of reasoning for this question in time."
_NO_ANSWER = "I do not know"
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,20}>")

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
    solver: Solver, challenge: Challenge, deadline: Deadline, models: Models
) -> Solution:
    """Run `solver`, and return before `deadline` with the best answer.

    Never raises, except that cancelling it cancels the solver. A late solver is cancelled, and the reply does
    not wait for it to end.
    """
    transcript = Transcript(models, deadline)
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
    if not task.done():
        return _salvaged(transcript, "late", _because("the solver was not done at the deadline", transcript))
    if task.cancelled():
        return _salvaged(transcript, "failed", "the solver cancelled itself")
    error = task.exception()
    if error is not None:
        return _salvaged(transcript, "failed", _because(_one_line(error), transcript))
    return timely(_checked(task.result(), transcript), deadline)


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


def _checked(answer: Answer, transcript: Transcript) -> Solution:
    """The solver's answer if it is valid."""
    if not (
        isinstance(answer, Answer) and isinstance(answer.answer, str) and isinstance(answer.reasoning, str)
    ):
        return _salvaged(
            transcript, "failed", f"the solver returned {type(answer).__name__}, not an Answer of text"
        )
    short = _sendable_answer(answer.answer)
    reasoning = _sendable(answer.reasoning, MOST_REASONING)
    vote_log = read_vote_log(answer.vote_log)
    if short and reasoning:
        return Solution(Answer(reasoning, short, vote_log), "solved")
    found = _salvaged(transcript, "failed", "the solver returned an empty answer or no reasoning")
    return Solution(
        Answer(reasoning or found.answer.reasoning, short or found.answer.answer, vote_log),
        found.outcome,
        found.error,
    )


def _salvaged(transcript: Transcript, outcome: Outcome, error: str) -> Solution:
    """The text of the models so far, and the answer in it."""
    reasoning, short = transcript.best()
    reasoning, short = _sendable(reasoning, MOST_REASONING), _sendable_answer(short)
    short = "" if blank(short) else short
    return Solution(Answer(reasoning or _NO_REASONING, short or _NO_ANSWER), outcome, error)


def _sendable(text: str, most: int) -> str:
    """Visible, stripped, bounded and encodable: a lone surrogate would break the JSON of the reply.

    Without special tokens; empty if it addresses a judge.
    """
    text = visible(spoken(text[:most])).strip()
    if addresses_judge(text):
        return ""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _sendable_answer(answer: str) -> str:
    """The same for an answer, which a judge reads; its tags are left out, as "</" counts as a trick."""
    short = _sendable(answer, MOST_ANSWER)
    if suspicious(short):
        short = _TAG.sub("", short).strip()
    return "" if suspicious(short) else short


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
