"""DirectSolver: reason first, then ask for the final answer: the reference miner's recipe with deadlines.

Two calls: up to 2,048 tokens of reasoning at temperature 0.8, then up to 512 for the answer at 0.7
(LogicNet 1.6). Each step leaves the next one its share of the time:

    reasoning            until a quarter of the time is left, or 12 s
    the final answer     until an eighth of it is left, or 4 s
    the forced answer    until a quarter of a second is left: the model continues its own text after
                         "So the final answer is", for one short line
    extraction           the answer in the reasoning so far, without another call

Where a stream breaks off, the model continues from its last whole sentence. What is still cut off then, or at
a deadline, is sent without its half sentence, and half a final answer is forced anew.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self, Unpack

from logicnet.answers.extract import extract, short_answer
from logicnet.answers.sentences import whole_sentences
from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Completion, How, Message, Models, Retrying
from logicnet.protocol import Answer, Challenge
from logicnet.solver._types import Setup
from logicnet.solver.reader import SHORT_TO_CUT, Reader

_REASONING_TOKENS = 2048
_FINAL_TOKENS = 512
_FORCED_TOKENS = 48
_TRIES = 3  # of a text whose stream breaks off; a connection that often breaks is not waited for
_FORCED = r" ?[^\n]{1,100}"

_REASON = "Solve this step by step. Explain each step briefly, and end with the answer."
_FINAL = "What is the final answer? Reply with the answer only."
"""Short, because weak models repeat their instructions: 21 of 24 replies of SmolLM2-135M held one number, and
10 when asked for "a number, an expression or a few words"."""
_SO = "So the final answer is"


class DirectSolver:
    """Two calls to one model: the reasoning, then its answer. Stateless."""

    def __init__(self, setup: Setup | None = None) -> None:
        self._workers = setup.workers if setup is not None else None

    @classmethod
    def from_setup(cls, setup: Setup) -> Self:
        return cls(setup)

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if the models wrote no text."""
        models = Retrying(models)
        reader = Reader(self._workers, challenge.caller)
        asked_for = challenge.question
        time_s = deadline.remaining_s()
        until_end = deadline.earlier(min(0.25, time_s / 20))
        until_forced = deadline.earlier(min(4.0, time_s / 8))
        until_final = deadline.earlier(min(12.0, time_s / 4))

        question = Message("user", f"{challenge.question}\n\n{_REASON}")
        reasoned = await _continued(
            models, [question], reader, deadline=until_final, max_tokens=_REASONING_TOKENS, temperature=0.8
        )
        written, steps = reasoned.text.strip(), await _uncut(reasoned, reader)
        error = reasoned.error

        answer = half_answer = ""
        if steps and reasoned.finish != "deadline":
            asked = [question, Message("assistant", steps), Message("user", _FINAL)]
            final = await _continued(
                models, asked, reader, deadline=until_forced, max_tokens=_FINAL_TOKENS, temperature=0.7
            )
            uncut = await _uncut(final, reader)
            answer = await reader(short_answer, text=uncut, question=asked_for)
            half_answer = answer or await reader(short_answer, text=final.text, question=asked_for)
            error = final.error or error
        if not answer:
            so_far = Message("assistant", f"{written}\n\n{_SO}".lstrip())
            forced = await models.complete(
                [question, so_far], deadline=until_end, max_tokens=_FORCED_TOKENS, regex=_FORCED
            )
            answer = await reader(short_answer, text=forced.text, question=asked_for)
            error = forced.error or error
        answer = answer or await reader(extract, text=written, question=asked_for) or half_answer
        if not answer:
            raise ModelError(error or "the model wrote nothing that could be read as an answer in time")
        # Less than a sentence is still all the reasoning there is; the conclusion makes it whole.
        return Answer(steps or f"{written}\n\n{_SO} {answer}.".lstrip(), answer)


async def _continued(
    models: Models, messages: Sequence[Message], reader: Reader, deadline: Deadline, **how: Unpack[How]
) -> Completion:
    """A completion; the model continues it where its stream breaks off, while there are time and tries."""
    text = gap = whole = ""
    for _ in range(_TRIES):
        begun = [Message("assistant", text)] if text else []
        done = await models.complete([*messages, *begun], deadline=deadline, **how)
        if done.text.strip():
            whole = f"{text}{gap}{done.text.strip()}"
        if done.finish != "failed" or not done.text.strip():
            break
        text = await reader(whole_sentences, short=SHORT_TO_CUT, text=whole)
        gap = "\n" if whole[len(text) :].startswith("\n") else " "
    return replace(done, text=whole)


async def _uncut(done: Completion, reader: Reader) -> str:
    """The text without a sentence that was cut off."""
    if done.finish == "stop":
        return done.text.strip()
    return await reader(whole_sentences, short=SHORT_TO_CUT, text=done.text)
