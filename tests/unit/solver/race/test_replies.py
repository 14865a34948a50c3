"""Two hundred replies of every lane: a judge would find steps in each, and the answer that goes with them."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from logicnet.answers import normal_form
from logicnet.protocol import Answer
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.exact.compute import compute
from logicnet.solver.race.reply import TRACED, Closest, reply
from logicnet.solver.race.samplers import Sample
from logicnet.solver.race.telling import is_trace
from logicnet.solver.reading import conclusion

MANY = 200
NAMES = ("Ann", "Bao", "Chidi", "Dora", "Emil")
THINGS = ("pens", "apples", "kg of rice", "books", "tickets")
NONE = ("", "{answer}", "The answer is {answer}.", "{question}\n\nThe answer is {answer}.")
"""What small models write where they do not reason."""


def asked(chance: random.Random) -> tuple[str, int, int]:
    a, b = chance.randint(2, 90), chance.randint(2, 12)
    who, what = chance.choice(NAMES), chance.choice(THINGS)
    return f"{who} has {a} boxes of {b} {what} each and gives 2 of them away. How many are left?", a, b


def sample(sampler: str, question: str, answer: str, trace: str = "", program: str = "") -> Sample:
    form = normal_form(answer, question)
    assert form is not None
    return Sample(sampler, form, trace, program)


async def sent(question: str, ends: Sequence[Sample], *, terse: bool) -> Answer:
    chosen = ends[0].form
    assert chosen is not None
    return await reply(question, chosen, ends, Closest(), terse=terse)


def sound(question: str, found: Answer) -> bool:
    """It has steps, they end with the answer, and what they state is the answer."""
    stated = conclusion(found.reasoning, question)
    chosen = normal_form(found.answer, question)
    assert chosen is not None
    ends_so = found.answer in found.reasoning[-200:]
    agrees = stated is not None and stated["key"] == chosen.key
    return is_trace(found.reasoning, question, found.answer) and ends_so and agrees


def reasoned(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    answer = str(a * b - 2)
    written = chance.choice(
        (
            f"We multiply: {a} x {b} = {a * b}. Then {a * b} - 2 = {answer}.\n\nThe answer is {answer}.",
            f"**Step 1** There are {a * b} in all.\n\n**Step 2** Two go, which leaves \\boxed{{{answer}}}.",
            f"There are {a * b} of them. After 2 are given away {answer} are left.",
        )
    )
    bare = chance.choice(NONE).format(question=question, answer=answer)
    ends = [sample("reason", question, answer, bare), sample("reason", question, answer, written)]
    return ends if chance.random() < 0.5 else ends[1:]


def forced(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    answer = str(a * b - 2)
    cut = f"There are {a} boxes with {b} in each. So we have {a} x {b} = {a * b} of them."
    other = f"{a} + {b} = {a + b}. The answer is {a + b}."
    ends = [sample("forced", question, answer, cut), sample("forced", question, answer, other)]
    return ends if chance.random() < 0.5 else ends[:1]


def programmed(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    program = chance.choice(
        (
            "boxes = {a}\neach = {b}\ntotal = boxes * each\nprint(total - 2)",
            "```python\ndef solve():\n    x = {a} * {b}\n    x -= 2\n    return x\nprint(solve())\n```",
            "total = 0\nfor _ in range({a}):\n    total += {b}\nprint(total - 2)",
            "from math import prod\nprint(prod([{a}, {b}]) - 2)",
        )
    ).format(a=a, b=b)
    return [sample("program", question, str(a * b - 2), program=program)]


def checked(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    return [replace(end, sampler="check") for end in programmed(chance, question, a, b)]


def formalised(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    formula = chance.choice(("{a} * {b} - 2", "x = {a} * {b} - 2", "x + 2 = {a} * {b}")).format(a=a, b=b)
    worked = compute(formula, question)
    assert worked is not None
    return [sample("formal", question, worked["answer"], worked["steps"])]


def in_short(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    """A thinker's solution after its thoughts were cut: concluded, or itself cut and the answer forced."""
    answer = str(a * b - 2)
    written = chance.choice(
        (
            f"{a} boxes with {b} in each are {a} * {b} = {a * b}. Less 2, {answer} are left.",
            f"1. In all: {a} * {b} = {a * b}\n2. Left: {a * b} - 2 = {answer}\n\nThe answer is {answer}.",
            f"First we count all of them: {a} * {b} = {a * b}.",
        )
    )
    return [sample("forced", question, answer, written)]


def beside_bare(chance: random.Random, question: str, a: int, b: int) -> list[Sample]:
    """A calculation beside samples that reached the same answer and wrote no reasoning."""
    answer = str(a * b - 2)
    bare = [
        sample(chance.choice(TRACED), question, answer, one.format(question=question, answer=answer))
        for one in NONE
    ]
    calculated = chance.choice((formalised, programmed, checked))(chance, question, a, b)
    ends = [*bare, *calculated]
    chance.shuffle(ends)
    return ends


LANES = (reasoned, forced, in_short, programmed, checked, formalised, beside_bare)


@pytest.mark.parametrize("terse", [False, True], ids=["chat", "small"])
@pytest.mark.parametrize("lane", LANES)
async def test_replies_of_a_lane(lane, terse: bool) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(14)
    for _ in range(MANY):
        question, a, b = asked(chance)
        found = await sent(question, lane(chance, question, a, b), terse=terse)
        assert found.answer == str(a * b - 2)
        assert sound(question, found), found.reasoning


@pytest.mark.thorough
async def test_replies_of_the_exact_lane() -> None:
    chance = random.Random(14)
    shapes = (
        "What is {a}% of {b}?",
        "What is {a} * {b} - 7?",
        "Compute ({a} + {b}) * 3.",
        "What is {a}^2 + {b}?",
    )
    async with Exact() as exact:
        for _ in range(MANY):
            a, b = chance.randint(2, 90), chance.randint(2, 90)
            question = chance.choice(shapes).format(a=a, b=b)
            worked = await exact.solve(question)
            assert worked is not None
            end = sample("exact", question, worked.answer, worked.steps)
            found = await sent(question, [end], terse=False)
            assert sound(question, found), found.reasoning


@pytest.mark.parametrize("sampler", ["forced", "reason", "formal", "program", "check"])
@pytest.mark.parametrize("bare", NONE)
async def test_of_a_bare_answer_no_steps_are_invented(sampler: str, bare: str) -> None:
    question, a, b = asked(random.Random(14))
    answer = str(a * b - 2)
    trace = bare.format(question=question, answer=answer)
    found = await sent(question, [sample(sampler, question, answer, trace)], terse=True)
    assert found.answer == answer
    assert found.reasoning.startswith(f"We are asked: {question}\n\n")
    assert found.reasoning.endswith(answer) or found.reasoning.endswith(f"The answer is {answer}.")
    own = found.reasoning.replace(question, "").replace("We are asked: ", "").replace("The answer is", "")
    assert not own.replace(answer, "").strip(" .\n")


@pytest.mark.parametrize("terse", [False, True], ids=["chat", "small"])
async def test_a_program_whose_result_the_model_went_on_from_is_not_told_as_the_answer(terse: bool) -> None:
    question, a, b = asked(random.Random(14))
    all_of_them = f"boxes = {a}\neach = {b}\nprint(boxes * each)"
    end = sample("program", question, str(a * b - 2), program=all_of_them)
    found = await sent(question, [end], terse=terse)
    assert "The result is" not in found.reasoning
    assert sound(question, found)


async def test_what_has_no_steps_is_told_by_a_program_that_came_to_the_same() -> None:
    chance = random.Random(14)
    for _ in range(MANY):
        question, a, b = asked(chance)
        answer = str(a * b - 2)
        bare = [
            sample("reason", question, answer, one.format(question=question, answer=answer)) for one in NONE
        ]
        found = await sent(question, [*bare, *programmed(chance, question, a, b)], terse=True)
        assert sound(question, found), found.reasoning
