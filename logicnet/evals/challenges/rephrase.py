"""Rephrasing: a persona asks each question in a mood and a tone, as validators do (LogicNet 1.6).

The persona is drawn from the seed; the model's words differ each time, so a set keeps both texts. A
rewording that lost a number or told the truth is asked for once more, and then the raw question stays.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from logicnet._util.text import without_thousands
from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.evals.challenges.problem import Problem, seed_of
from logicnet.llm import Message, Models
from logicnet.scoring.incentive import REPHRASE_MAX_TOKENS, REPHRASE_TEMPERATURE

TRIES = 2

_PERSONAS = (
    "a schoolchild with homework due tomorrow",
    "a retired engineer who keeps his mind busy",
    "a first-year student of mathematics",
    "a market trader between two customers",
    "a teacher who prepares a lesson",
    "a parent who helps at the kitchen table",
    "a puzzle lover on a long train ride",
    "a carpenter who measures twice",
    "a nurse on a quiet night shift",
    "a programmer who distrusts calculators",
    "a chess player waiting for the next round",
    "a farmer who plans the season",
)
_MOODS = ("curious", "tired", "cheerful", "impatient", "proud", "worried", "amused", "calm")
_TONES = ("playful", "formal", "chatty", "terse", "polite", "dramatic", "dry", "warm")

_INSTRUCTION = (
    "You are {persona}, and you feel {mood}. Somebody gives you a problem, and you pass it on to a friend "
    "in your own words, in a {tone} tone. Keep every number, formula, name, condition and instruction for "
    "the form of the answer exactly as it is. Do not solve it, do not hint at the solution, and add no "
    "second question. Reply with the reworded problem and nothing else."
)


@dataclass(frozen=True, slots=True)
class Rephrased:
    """Problems in their order, and why some of them stayed raw: reasons with their count."""

    problems: Sequence[Problem]
    raw: Counter[str]


async def rephrase(
    problems: Sequence[Problem],
    models: Models,
    *,
    seed: int,
    at_once: int = 8,
    timeout_s: float = 60.0,
    on_done: Callable[[], None] = lambda: None,
) -> Rephrased:
    """Have every problem reworded, `at_once` at a time. Raises ModelError if the server answered nothing."""
    limit = asyncio.Semaphore(at_once)
    raw: Counter[str] = Counter()
    answered = False
    error = ""

    async def one(problem: Problem) -> Problem:
        nonlocal answered, error
        reason = ""
        async with limit:
            for attempt in range(TRIES):
                messages = _messages(problem, seed_of(seed, problem.id, attempt))
                done = await models.complete(
                    messages,
                    deadline=Deadline.after(timeout_s),
                    max_tokens=REPHRASE_MAX_TOKENS,
                    temperature=REPHRASE_TEMPERATURE,
                )
                answered = answered or bool(done.text.strip())
                error = done.error or error
                text = _bare(done.text)
                reason = "no whole reply" if done.finish != "stop" else unfaithful(problem, text)
                if not reason:
                    on_done()
                    return replace(problem, rephrased=text)
        raw[reason] += 1
        on_done()
        return replace(problem, rephrased=None)

    reworded = await asyncio.gather(*(one(problem) for problem in problems))
    if not answered:
        raise ModelError(f"nothing was rephrased: {error or 'the model server wrote nothing'}")
    return Rephrased(reworded, raw)


def unfaithful(problem: Problem, text: str) -> str:
    """Why a rewording asks another question, as far as rules can tell; empty if it asks the same."""
    if not text:
        return "empty"
    if len(text) > 3 * len(problem.question) + 600:
        return "ran on"
    asked, given, truth = _numbers(problem.question), _numbers(text), _numbers(problem.truth)
    if asked - given:
        return "lost a number"
    if len(truth) == 1 and not truth & asked and truth <= given:
        return "told the truth"
    return ""


def _messages(problem: Problem, seed: int) -> list[Message]:
    chance = Random(seed)  # noqa: S311 (no secret)
    persona, mood, tone = (chance.choice(choices) for choices in (_PERSONAS, _MOODS, _TONES))
    instruction = _INSTRUCTION.format(persona=persona, mood=mood, tone=tone)
    return [Message("system", instruction), Message("user", problem.question)]


def _bare(text: str) -> str:
    """Without the quotation marks that some models put around all they say."""
    text = text.strip()
    quoted = len(text) > 2 and text[0] + text[-1] in ('""', "“”") and not set('"“”') & set(text[1:-1])
    return text[1:-1].strip() if quoted else text


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", without_thousands(text)))
