"""Write, run, read, go on: what each turn asks, and what the turns lead to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from logicnet.answers import NormalForm
from logicnet.llm import Completion, Message
from logicnet.solver.race import programs
from logicnet.solver.race.programs import Programmed, check_prompt, in_turns, prints_no_answer, shows_code
from logicnet.solver.reading import conclusion, value
from logicnet.solver.sandbox.sandbox import Ran

QUESTION = "How many clips did she sell altogether?"
PROMPT = [Message("user", QUESTION)]


@dataclass
class Scripted:
    """A model that writes these texts in turn, and a sandbox in which these programs do that."""

    texts: Sequence[str]
    does: dict[str, Ran]
    asked: list[Sequence[Message]] = field(default_factory=list)
    ran: list[tuple[str, ...]] = field(default_factory=list)

    async def ask(self, messages: Sequence[Message]) -> Completion:
        self.asked.append(list(messages))
        return Completion(self.texts[len(self.asked) - 1], "stop", tokens=10)

    async def run(self, *texts: str) -> Ran:
        self.ran.append(texts)
        return self.does[texts[-1]]

    async def value(self, text: str) -> NormalForm | None:
        found = value(text, QUESTION)
        return NormalForm(**found) if found else None

    async def conclusion(self, text: str) -> NormalForm | None:
        found = conclusion(text, QUESTION)
        return NormalForm(**found) if found else None

    async def turns(self, most: int) -> Programmed:
        return await in_turns(
            PROMPT, turns=most, ask=self.ask, run=self.run, value=self.value, conclusion=self.conclusion
        )


async def test_a_program_that_prints_an_answer_needs_one_turn() -> None:
    script = Scripted(["print(72)"], {"print(72)": Ran("72", "", "72\n")})
    turns = await script.turns(3)
    assert turns.form is not None
    assert (turns.form.text, turns.program, turns.done.tokens) == ("72", "print(72)", 10)
    assert script.asked == [PROMPT]


async def test_a_failure_goes_back_and_the_corrected_program_counts() -> None:
    script = Scripted(
        ["print(x)", "x = 72\nprint(x)"],
        {"print(x)": Ran("", "NameError: name 'x' is not defined"), "x = 72\nprint(x)": Ran("72")},
    )
    turns = await script.turns(3)
    assert turns.form is not None
    assert (turns.form.text, turns.program, turns.done.tokens) == ("72", "x = 72\nprint(x)", 20)
    assert script.asked[1][:2] == [*PROMPT, Message("assistant", "print(x)")]
    assert "NameError: name 'x' is not defined" in script.asked[1][2].content
    assert script.ran[1] == ("print(x)", "x = 72\nprint(x)")  # the earlier one may be used


async def test_an_output_that_is_no_answer_is_read_and_gone_on_from() -> None:
    printed = "12 candidates:\nalpha\nbeta\n<none>\n"
    script = Scripted(
        ["print(report)", "The table shows it.\n\nThe answer is 72."],
        {"print(report)": Ran("", "", printed)},
    )
    turns = await script.turns(3)
    assert turns.form is not None
    assert (turns.form.text, turns.program) == ("72", "print(report)")
    assert "12 candidates:\nalpha" in script.asked[1][2].content
    assert len(script.ran) == 1


NO_ANSWERS = (
    *(
        "None",
        "Answer: None",
        "The answer is None",
        "x = None",
        "(None, None)",
        "[None]",
        "{'x': None}",
        "null",
    ),
    *(
        "[]",
        "()",
        "{}",
        "set()",
        "x = []",
        "[[]]",
        "array([], dtype=float64)",
        "dict_keys([])",
        "Counter()",
    ),
    *("nan", "NaN", "inf", "-inf", "[nan, nan]", "x = nan", "nan%", "zoo", "EmptySet", "S.EmptySet"),
    *("None clips", "$nan a day", "Best: None at day None", "It takes inf hours."),
    *("Done", "done.", "Finished!", "All done", "OK", "error", "Error: no such key"),
    *(
        "ZeroDivisionError: division by zero",
        "<map object at 0x7f1c2a>",
        "Result: <generator object f at 0x7f>",
    ),
)
ANSWERS = (
    *("72", "-3", "[72]", "(1, 2)", "{1, 2}", "x = 72", "1e5", "0", "oo", "-oo", "Infinity", "3/7", "+", ">"),
    *(
        "no solution",
        "No solution",
        "none of them",
        "None of the above",
        "none",
        "undefined",
        "Yes",
        "False",
        "Tuesday",
        "set",
    ),
    *("[None, 4]", "margin of error: 5", "Error: 0.05", "Nancy", "infinite", "information", "f(x) = x + 1"),
)


@pytest.mark.parametrize("line", NO_ANSWERS)
async def test_what_python_prints_for_no_value_is_no_vote_and_is_gone_on_from(line: str) -> None:
    assert prints_no_answer(line)
    does = {"print(f())": Ran(line, "", f"{line}\n"), "print(72)": Ran("72", "", "72\n")}
    script = Scripted(["print(f())", "print(72)"], does)
    turns = await script.turns(2)
    assert turns.form is not None
    assert (turns.form.text, len(script.asked)) == ("72", 2)
    assert line in script.asked[1][2].content
    assert (await Scripted(["print(f())"], does).turns(1)).form is None


@pytest.mark.parametrize("line", ANSWERS)
def test_what_a_program_says_is_an_answer(line: str) -> None:
    assert not prints_no_answer(line)


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("What does this code print? print([3, 1].sort())", True),
        ("What is returned?\n```python\nf(2)\n```", True),
        ("def f(x): pass\nWhat is f(1)?", True),
        ("How many prints does the shop sell?", False),
    ],
)
async def test_any_line_may_be_what_a_shown_program_prints(question: str, shown: bool) -> None:
    assert shows_code(question) is shown
    script = Scripted(["print(f())"], {"print(f())": Ran("None", "", "None\n")})

    async def read(text: str) -> NormalForm | None:
        return NormalForm(**form) if (form := value(text, question)) else None

    found = await in_turns(
        PROMPT,
        turns=1,
        ask=script.ask,
        run=script.run,
        value=read,
        conclusion=script.conclusion,
        any_line=shows_code(question),
    )
    assert (found.form is not None and found.form.text == "None") is shown


async def test_a_program_that_prints_nothing_is_told_so() -> None:
    script = Scripted(["x = 72", "print(72)"], {"x = 72": Ran(""), "print(72)": Ran("72")})
    turns = await script.turns(2)
    assert turns.form is not None
    assert "printed nothing" in script.asked[1][2].content


@pytest.mark.parametrize("most", [1, 2, 4])
async def test_turns_are_bounded(most: int) -> None:
    script = Scripted(["print(1/0)"] * 9, {"print(1/0)": Ran("", "ZeroDivisionError: division by zero")})
    turns = await script.turns(most)
    assert (turns.form, turns.done.error) == (None, "ZeroDivisionError: division by zero")
    assert (len(script.asked), turns.done.tokens) == (most, 10 * most)


async def test_what_was_cut_off_ends_the_turns() -> None:
    script = Scripted(["print(1/0)", ""], {"print(1/0)": Ran("", "ZeroDivisionError: division by zero")})
    turns = await script.turns(5)
    assert (turns.form, turns.program, len(script.asked)) == (None, "print(1/0)", 2)


async def test_a_flood_of_output_is_cut_before_the_model_reads_it() -> None:
    flood = "x\n" * 9_000 + "the end"
    script = Scripted(["print(f)", "print(72)"], {"print(f)": Ran("", "", flood), "print(72)": Ran("72")})
    await script.turns(2)
    shown = script.asked[1][2].content
    assert "the end" in shown
    assert len(shown) < 2 * programs._MOST_SHOWN


def test_a_check_shows_the_question_and_the_end_of_the_solution() -> None:
    (message,) = check_prompt(QUESTION, "x" * 99_999 + " so they are 72")
    assert QUESTION in message.content
    assert "so they are 72" in message.content
    assert "Python program" in message.content
    assert len(message.content) < 6_000
