"""Write, run, read, go on: a model's programs in several turns, and the program that checks a solution."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from logicnet.answers import NormalForm
from logicnet.llm import Completion, Message
from logicnet.sandbox.sandbox import Ran

_CHECK = (
    "Here is a solution of it that may be wrong:\n\n{solution}\n\nWrite a short Python program that computes "
    "the answer anew from the numbers of the question, and prints it and nothing else. Reply with code only."
)
_FAILED = "The program ended with an error: {error}\n\nCorrect it. Reply with code only."
_PRINTED = (
    "The program printed:\n{printed}\n\nGo on from there, with another program if you need one, and end "
    "with a line that begins with: The answer is"
)
_NOTHING = "The program printed nothing. Correct it, so that it prints the answer. Reply with code only."
MADE_UP = "```output"
"""How some models begin an output of their own invention after a program; the text ends before it."""
_FENCE = "```"
_MOST_SHOWN = 1_000  # characters of what a program printed, from its end
_MOST_SOLUTION = 4_000  # characters of a solution to check, from its end

Ask = Callable[[Sequence[Message]], Awaitable[Completion]]
"""A completion, its text empty where there is nothing to run or read: half a program misleads."""
Run = Callable[..., Awaitable[Ran]]
Read = Callable[[str], Awaitable[NormalForm | None]]


@dataclass(frozen=True, slots=True)
class Programmed:
    """What the turns led to. `program`: the text that holds the last program.

    `done`: the last completion, with the tokens and seconds of all turns.
    """

    form: NormalForm | None
    program: str
    done: Completion


async def in_turns(
    prompt: Sequence[Message], *, turns: int, ask: Ask, run: Run, value: Read, conclusion: Read
) -> Programmed:
    """Have programs written and run until one prints an answer, or the model concludes from what they print.

    A failed program, or one whose output is no answer, goes back to the model with what it did.
    """
    messages, texts, tokens = list(prompt), list[str](), 0
    seconds = 0.0
    for turn in range(turns):
        done = await ask(messages)
        tokens += done.tokens
        seconds += done.seconds
        done = replace(done, tokens=tokens, seconds=seconds)
        if not done.text.strip():
            break
        if turn and _FENCE not in done.text and (found := await conclusion(done.text)):
            return Programmed(found, texts[-1], done)
        texts.append(done.text)
        ran = await run(*texts)
        if not ran.error and (found := await value(ran.value)):
            return Programmed(found, done.text, done)
        done = replace(done, error=ran.error)
        printed = ran.printed.strip()[-_MOST_SHOWN:]
        said = _FAILED.format(error=ran.error) if ran.error else _PRINTED.format(printed=printed)
        said = said if ran.error or printed else _NOTHING
        messages += [Message("assistant", done.text), Message("user", said)]
    return Programmed(None, texts[-1] if texts else "", done)


def check_prompt(question: str, solution: str) -> list[Message]:
    """The question, a solution, and the request for a program that checks it."""
    return [Message("user", f"{question}\n\n{_CHECK.format(solution=solution[-_MOST_SOLUTION:])}")]
