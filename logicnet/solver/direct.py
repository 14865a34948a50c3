"""DirectSolver: reason first, then ask for the final answer: the reference miner's recipe with deadlines.

Two calls: up to 2,048 tokens of reasoning at temperature 0.8, then up to 512 for the answer at 0.7
(LogicNet 1.6). Each step leaves the next one its share of the time:

    reasoning            until a quarter of the time is left, or 12 s
    the final answer     until an eighth of it is left, or 4 s
    the forced answer    until a quarter of a second is left: the model continues its own text after
                         "So the final answer is", for one short line
    extraction           the answer in the reasoning so far, without another call
"""

from logicnet.answers.extract import extract, short_answer
from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Message, Models, Retrying
from logicnet.protocol import Answer, Challenge

_REASONING_TOKENS = 2048
_FINAL_TOKENS = 512
_FORCED_TOKENS = 48
_FORCED = r" ?[^\n]{1,100}"

_REASON = "Solve this step by step. Explain each step briefly, and end with the answer."
_FINAL = "What is the final answer? Reply with the answer only."
"""Short, because weak models repeat their instructions: 21 of 24 replies of SmolLM2-135M held one number, and
10 when asked for "a number, an expression or a few words"."""
_SO = "So the final answer is"


class DirectSolver:
    """Two calls to one model: the reasoning, then its answer. Stateless."""

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if the models wrote no text."""
        models = Retrying(models)
        time_s = deadline.remaining_s()
        until_end = deadline.earlier(min(0.25, time_s / 20))
        until_forced = deadline.earlier(min(4.0, time_s / 8))
        until_final = deadline.earlier(min(12.0, time_s / 4))

        question = Message("user", f"{challenge.question}\n\n{_REASON}")
        reasoned = await models.complete(
            [question], deadline=until_final, max_tokens=_REASONING_TOKENS, temperature=0.8
        )
        steps = reasoned.text.strip()
        error = reasoned.error

        answer = ""
        if steps and reasoned.finish != "deadline":
            asked = [question, Message("assistant", steps), Message("user", _FINAL)]
            final = await models.complete(
                asked, deadline=until_forced, max_tokens=_FINAL_TOKENS, temperature=0.7
            )
            answer = short_answer(final.text, challenge.question)
            error = final.error or error
        if not answer:
            so_far = Message("assistant", f"{steps}\n\n{_SO}".lstrip())
            forced = await models.complete(
                [question, so_far], deadline=until_end, max_tokens=_FORCED_TOKENS, regex=_FORCED
            )
            answer = short_answer(forced.text, challenge.question)
            error = forced.error or error
        answer = answer or extract(steps, challenge.question)
        if not answer:
            raise ModelError(error or "the model wrote nothing that could be read as an answer in time")
        return Answer(steps or f"{_SO} {answer}.", answer)
