"""Practice: what is drawn, judged and kept; and what comes from elsewhere."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pytest

from logicnet.deadline import Deadline
from logicnet.errors import TuningError
from logicnet.evals.challenges.problem import AnswerCheck, Problem
from logicnet.llm import Completion, How, Message
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.tuning.improve.plain import PLAIN
from logicnet.tuning.improve.practice import (
    Practice,
    PracticeModel,
    PracticeQuestion,
    open_checks,
    without_examples,
)
from logicnet.tuning.improve.practised import PracticeFile, read_practice

PROFILE = profile_for("smollm2", load_profiles())

PRIME = Problem("Is $27$ prime?", "No", "mathgenerator", "is_prime", check=AnswerCheck("yes_or_no"))
SUM = Problem("What is 12 + 30?", "42", "mathgenerator", "addition", check=AnswerCheck("number_is"))
STORY = Problem(
    "Ann has 3 pens and Bo has 4. How many pens is that?",
    *("7", "file", "story"),
    check=AnswerCheck("number_is"),
    worked="Ann has 3, Bo has 4: 3 + 4 = 7.\n\nThe answer is 7.",
)


class Saying:
    """A model that says the same to everyone, or fails."""

    def __init__(self, text: str, finish: str = "stop") -> None:
        self.text, self.finish = text, finish
        self.asked: list[Sequence[Message]] = []

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        self.asked.append(messages)
        return Completion(self.text, self.finish, tokens=5, error="it is away", model="m")  # type: ignore[arg-type]


async def practised(
    folder: Path,
    said: str,
    problems: Sequence[Problem],
    *,
    samples: int = 1,
    teacher: str | None = None,
) -> PracticeFile:
    asked = [PracticeQuestion(one.kind, one) for one in problems]
    async with AsyncExitStack() as stack:
        checks = await open_checks(stack, problems)
        book = stack.enter_context(PracticeFile(folder / "practice.jsonl"))
        practice = Practice(book, checks, 0.7, 4)
        await practice.run(asked, PracticeModel(Saying(said), PROFILE, "model"), samples)
        await practice.without_model(asked)
        if teacher is not None:
            await practice.teach(asked, PracticeModel(Saying(teacher), without_examples(PROFILE), "teacher"))
    return book


@pytest.mark.thorough
async def test_each_prompt_is_sampled_and_the_checker_judges(tmp_path: Path):
    book = await practised(tmp_path, "So it is 42. The answer is 42.", [SUM], samples=2)
    found = {
        (one.sampler, one.number): one.right
        for one in book.found
        if one.source == "model" and one.sampler != "chat"
    }
    assert found == {("reason", 0): True, ("reason", 1): True, ("program", 0): False, ("program", 1): False}
    assert sum(one.sampler == "chat" for one in book.found) == len(PLAIN)
    again = list(read_practice(tmp_path / "practice.jsonl"))
    assert {one.key: one for one in again} == {one.key: one for one in book.found}
    assert len(again[-1].prompt) > 1  # asked behind worked examples, and kept so
    stored = json.loads((tmp_path / "practice.jsonl").read_text().splitlines()[-1])
    assert stored["lane"] == again[-1].sampler and "sampler" not in stored  # as files of earlier versions


class Server(Saying):
    """Says what fits to each prompt of the race, as a server with structured output does."""

    def __init__(self) -> None:
        super().__init__("")
        self.how: list[How] = []

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        asked = messages[-1].content
        self.how.append(how)
        self.text = (
            '{"formula": "12 + 30"}'
            if how.get("schema")
            else "```python\nprint(12 + 30)\n```"
            if "Python" in asked
            else "It is 42. The answer is 42."
        )
        return await super().complete(messages, deadline=deadline, **how)


@pytest.mark.thorough
async def test_every_prompt_of_the_race_is_practised(tmp_path: Path):
    """A program that checks is asked about each solution that came to an answer; a formula is computed."""
    chat = profile_for("some model", load_profiles())
    assert chat.formal.most and chat.check.most
    server = Server()
    async with AsyncExitStack() as stack:
        checks = await open_checks(stack, [SUM])
        for _ in range(2):  # the second asks for nothing
            with PracticeFile(tmp_path / "practice.jsonl") as book:
                await Practice(book, checks, 0.7, 4).run(
                    [PracticeQuestion("addition", SUM)], PracticeModel(server, chat, "model"), 2
                )
    texts = [one for one in book.found if one.sampler != "chat"]
    assert sorted((one.sampler, one.number) for one in texts) == [
        (sampler, number) for sampler in ("check", "formal", "program", "reason") for number in (0, 1)
    ]
    assert all(one.right for one in texts)
    assert all("It is 42." in one.prompt[-1].content for one in texts if one.sampler == "check")
    assert sum(bool(one.get("stop")) for one in server.how) == 4  # programs end before outputs made up


@pytest.mark.thorough
async def test_a_program_is_judged_by_what_it_prints(tmp_path: Path):
    book = await practised(tmp_path, "print(6 * 7)", [SUM])
    assert [one.value for one in book.found if one.sampler == "program" and one.right] == ["42"]
    (tmp_path / "none").mkdir()
    nothing = replace(SUM, question="How many of 3 pens are left of them?", truth="0")
    book = await practised(tmp_path / "none", "print(None)", [nothing])  # which a reader of words takes for 0
    assert not any(one.right for one in book.found if "None" in one.text)


@pytest.mark.thorough
async def test_questions_without_a_right_sample_get_texts_from_elsewhere(tmp_path: Path):
    book = await practised(tmp_path, "print(1)", [PRIME, SUM, STORY])
    outside = {(one.kind, one.sampler, one.source): one.right for one in book.found if one.source != "model"}
    assert outside == {
        ("is_prime", "program", "worked"): True,
        ("addition", "reason", "exact"): True,
        ("story", "reason", "worked"): True,
    }


@pytest.mark.thorough
async def test_a_question_with_a_right_sample_needs_none(tmp_path: Path):
    book = await practised(tmp_path, "print(42)", [SUM])
    assert {one.source for one in book.found} == {"model"}


@pytest.mark.thorough
async def test_a_teacher_is_asked_what_is_still_open_and_judged_like_all(tmp_path: Path):
    odd = Problem("How many legs has a chair?", "4", "file", "chairs", check=AnswerCheck("number_is"))
    book = await practised(tmp_path, "print(0)", [odd, PRIME], teacher="A chair has four. The answer is 5.")
    taught = [one for one in book.found if one.source == "teacher"]
    assert {(one.kind, one.sampler, one.right) for one in taught} == {
        ("chairs", "reason", False),
        ("chairs", "program", False),
    }
    assert all(len(one.prompt) == 1 for one in taught)


@pytest.mark.thorough
async def test_a_teacher_writes_no_more_than_it_may(tmp_path: Path):
    odd = [Problem(f"How many legs have {n} odd chairs?", "1", "file", "chairs") for n in range(6)]
    async with AsyncExitStack() as stack:
        checks = await open_checks(stack, odd)
        book = stack.enter_context(PracticeFile(tmp_path / "practice.jsonl"))
        teacher = PracticeModel(Saying("No idea."), without_examples(PROFILE), "teacher")
        practice = Practice(book, checks, 0.7, at_once=1, teacher_tokens=12)  # each text has 5
        await practice.teach([PracticeQuestion("chairs", one) for one in odd], teacher)
    assert len(book.found) == 3


@pytest.mark.thorough
async def test_a_kill_costs_the_torn_line_alone(tmp_path: Path):
    first = await practised(tmp_path, "print(42)", [SUM])
    path = tmp_path / "practice.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + lines[-3][:40])
    book = await practised(tmp_path, "print(42)", [SUM])
    assert {one.key for one in book.found} == {one.key for one in first.found}
    assert len(list(read_practice(path))) == len(first.found)


@pytest.mark.thorough
async def test_a_server_that_fails_stops_practice_and_says_how_to_go_on(tmp_path: Path):
    async with AsyncExitStack() as stack:
        checks = await open_checks(stack, [SUM])
        book = stack.enter_context(PracticeFile(tmp_path / "practice.jsonl"))
        voice = PracticeModel(Saying("", "failed"), PROFILE, "model")
        with pytest.raises(TuningError, match="it is away: `logicnet tune improve` goes on"):
            await Practice(book, checks, 0.7, 4).run([PracticeQuestion("addition", SUM)], voice, 1)


def test_a_line_of_something_else_is_named(tmp_path: Path):
    path = tmp_path / "practice.jsonl"
    path.write_text('{"prompt": 3}\n')
    with pytest.raises(TuningError, match="line 1: not a line of practice"):
        list(read_practice(path))
