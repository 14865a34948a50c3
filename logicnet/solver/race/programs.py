"""Write, run, read, go on: a model's programs in several turns, and the program that checks a solution."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from logicnet.answers import NormalForm
from logicnet.llm import Completion, Message
from logicnet.solver.sandbox.sandbox import Ran

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

_TAG_AT_END = re.compile(r"</(?:code|python|program)>", re.IGNORECASE)
_LABEL = re.compile(r"[^:=\d]{1,60}?(?:[:=]|\bis\b)\s*")
_OF_NOTHING = re.compile(
    r"""(?=.*[\w\[({])(?:[-+\[\](){}'",;.%$\s]
        | \b(?:None|null|nan|NaN|inf|zoo|NotImplemented|Ellipsis|(?:S\.)?EmptySet)\b
        | \b(?:set|frozenset|dict|list|tuple|Counter|deque|array|Matrix|FiniteSet|dict_\w{1,9})(?=\()
        | \bdtype=\w{1,20}
    )*+""",
    re.VERBOSE,
)
_STATUS = re.compile(
    r"(?:all )?(?:done|finished|completed|ok|okay|success)\W*|\w*(?:error|exception)(?::\D*)?", re.IGNORECASE
)
_UNIT_OF_NOTHING = re.compile(r"(?=\D*\Z)[^\n]*?\b(?:None(?! of\b)|nan|NaN|inf)\b[^\n]*")
"""Such as None clips, $nan a day."""
_AN_OBJECT = re.compile(r"<[^<>]{1,200} at 0x[0-9a-f]{1,16}>")

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
    prompt: Sequence[Message],
    *,
    turns: int,
    ask: Ask,
    run: Run,
    value: Read,
    conclusion: Read,
    any_line: bool = False,
) -> Programmed:
    """Have programs written and run until one prints an answer, or the model concludes from what they print.

    A failed program, or one whose output is no answer, goes back to the model with what it did. With
    `any_line` every output may be an answer.
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
        answers = not ran.error and (any_line or not prints_no_answer(ran.value))
        if answers and (found := await value(ran.value)):
            return Programmed(found, done.text, done)
        done = replace(done, error=ran.error)
        printed = ran.printed.strip()[-_MOST_SHOWN:]
        said = _FAILED.format(error=ran.error) if ran.error else _PRINTED.format(printed=printed)
        said = said if ran.error or printed else _NOTHING
        messages += [Message("assistant", done.text), Message("user", said)]
    return Programmed(None, texts[-1] if texts else "", done)


def shows_code(question: str) -> bool:
    """Whether a question shows a program, of which None or [] may be the output that is asked for."""
    return any(mark in question for mark in ("print(", "def ", "return ", "```"))


def prints_no_answer(line: str) -> bool:
    """Whether Python prints such a line for what holds no value, or a program to say that it ended.

    print(nums.sort()) prints None, an empty search [], a division of infinities nan. Words that a program
    chose, such as no solution, are an answer.
    """
    bare = line.strip()
    label = _LABEL.match(bare)
    rest = bare[label.end() :] if label else bare
    return any(
        _OF_NOTHING.fullmatch(text)
        or _UNIT_OF_NOTHING.fullmatch(text)
        or _STATUS.fullmatch(text)
        or _AN_OBJECT.fullmatch(text)
        for text in (bare, rest)
    )


def breaks_off(text: str) -> bool:
    """Whether a text that its token limit ended may break off in its program: no fence or tag ends that."""
    fences = text.count(_FENCE)
    return fences % 2 == 1 if fences else not _TAG_AT_END.search(text)


def check_prompt(question: str, solution: str) -> list[Message]:
    """The question, a solution, and the request for a program that checks it."""
    return [Message("user", f"{question}\n\n{_CHECK.format(solution=solution[-_MOST_SOLUTION:])}")]
