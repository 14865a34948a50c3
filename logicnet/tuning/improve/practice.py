"""Practice: the served model answers the race's own prompts; the challenge's own checker judges."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from typing import Unpack

from logicnet.answers import NormalForm
from logicnet.deadline import Deadline
from logicnet.errors import TuningError
from logicnet.evals.challenges.checks import checker_modules, checker_of
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Completion, How, Message, Models
from logicnet.scoring.truth import TruthTeller
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.formal import Written, formal_prompt, formula_in
from logicnet.solver.race.profiles import Profile
from logicnet.solver.race.programs import MADE_UP, check_prompt, prints_no_answer, shows_code
from logicnet.solver.race.samplers import program_prompt, readable, reasoning_prompt
from logicnet.solver.reader import Reader, reading_workers
from logicnet.solver.reading import Form, conclusion, value
from logicnet.solver.sandbox.sandbox import Sandbox
from logicnet.tuning.improve.plain import PLAIN, PLAIN_TOKENS
from logicnet.tuning.improve.practised import PracticeFile, PracticeSampler, Practised, Source
from logicnet.tuning.improve.worked import worked_program

ANSWER_S = 300.0
"""For one text. Practice waits for slow servers: nobody else does."""

_PATIENCE_S = 300.0  # for a free worker of the sandbox

_PROMPTS: tuple[PracticeSampler, ...] = ("program", "reason", "formal")
"""The race's first prompts of a question; `check` is asked about what `reason` concluded."""


@dataclass(frozen=True, slots=True)
class PracticeQuestion:
    """One question of a round. `kind` as the recipe's mix calls it."""

    kind: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Checks:
    """What reads and judges texts; see `open_checks`."""

    sandbox: Sandbox
    truth: TruthTeller
    exact: Exact
    reader: Reader

    async def read(self, sampler: PracticeSampler, text: str, problem: Problem) -> tuple[str, bool, str]:
        """The answer in a text as the race reads it, whether it is right, and a program's error."""
        form: Form | None
        error = ""
        if sampler in ("program", "check"):
            ran = await self.sandbox.run(text)
            error = ran.error
            answers = shows_code(problem.asked) or not prints_no_answer(ran.value)
            printed = ran.value if answers else ""
            form = await self.reader(value, text=printed, question=problem.asked)
        elif sampler == "formal":
            worked = await self.exact.compute(formula_in(text), problem.asked)
            found = worked.answer if worked is not None else ""
            form = await self.reader(value, text=found, question=problem.asked)
        else:
            form = await self.reader(conclusion, text=text, question=problem.asked)
        if form is None:
            return "", False, error
        answer = NormalForm(**form).text
        told = await self.truth.tell(problem.truth, answer, checker_of(problem))
        return answer, told.right is True, error


async def open_checks(stack: AsyncExitStack, problems: Iterable[Problem]) -> Checks:
    """Raises SettingsError if a package that checks is missing."""
    truth = await stack.enter_async_context(TruthTeller(*checker_modules(problems)))
    await truth.start()
    sandbox = await stack.enter_async_context(aclosing(Sandbox(patience_s=_PATIENCE_S)))
    await sandbox.start()
    workers = reading_workers()
    stack.push_async_callback(workers.aclose)
    await workers.start()
    exact = await stack.enter_async_context(Exact())
    return Checks(sandbox, truth, exact, Reader(workers))


@dataclass(frozen=True, slots=True)
class PracticeModel:
    """Who is asked, and how."""

    models: Models
    profile: Profile
    source: Source


@dataclass(frozen=True, slots=True)
class Practice:
    """One round's practice. Its methods raise TuningError when a model server fails, or the disk is full."""

    file: PracticeFile
    checks: Checks
    temperature: float
    at_once: int
    teacher_tokens: int | None = None  # that a teacher may write in this round

    async def run(
        self,
        asked: Sequence[PracticeQuestion],
        served: PracticeModel,
        samples: int,
        done: Callable[[int, int], None] = lambda _ended, _all: None,
    ) -> None:
        """Draw so many samples of each prompt of the race, and the plain rows, but those in the file.

        `done` is told how many texts are drawn, and of how many.
        """
        chats = [
            number for number in range(len(PLAIN)) if ("", "chat", served.source, number) not in self.file
        ]
        work: list[Callable[[], Awaitable[None]]] = [partial(self._chat, served, number) for number in chats]
        for number in range(samples):
            work += self._due(asked, served, number)
        await self._all(work, done)
        await self._all(self._checks(asked, served), done)

    async def without_model(self, asked: Sequence[PracticeQuestion]) -> None:
        """Worked solutions, and exact steps in words, for questions without a right sample."""
        solved = {one.question_id for one in self.file.found if one.right and one.source == "model"}
        for one in asked:
            if one.problem.id in solved:
                continue
            for sampler, source, text in await self._texts(one):
                if (one.problem.id, sampler, source, 0) not in self.file:
                    await self._judged(one, sampler, source, Completion(text, "stop"))

    async def teach(self, asked: Sequence[PracticeQuestion], teacher: PracticeModel) -> None:
        """One text of each sampler by `teacher`, for questions that still have no right text."""
        solved = {one.question_id for one in self.file.found if one.right}
        await self._all(self._due([one for one in asked if one.problem.id not in solved], teacher, 0))

    def _due(
        self, asked: Sequence[PracticeQuestion], model: PracticeModel, number: int
    ) -> list[Callable[[], Awaitable[None]]]:
        samplers = [sampler for sampler in _PROMPTS if getattr(model.profile, sampler).most]
        return [
            partial(self._sample, one, sampler, model, number)
            for one in asked
            for sampler in samplers
            if (one.problem.id, sampler, model.source, number) not in self.file
        ]

    def _checks(
        self, asked: Sequence[PracticeQuestion], model: PracticeModel
    ) -> list[Callable[[], Awaitable[None]]]:
        """A program that checks, for each solution of `model` that came to an answer, as in the race."""
        by_id = {one.problem.id: one for one in asked} if model.profile.check.most else {}
        return [
            partial(self._sample, by_id[one.question_id], "check", model, one.number, solution=one.text)
            for one in self.file.found
            if one.sampler == "reason"
            and one.source == model.source
            and one.value
            and one.question_id in by_id
            and (one.question_id, "check", model.source, one.number) not in self.file
        ]

    async def _texts(self, one: PracticeQuestion) -> list[tuple[PracticeSampler, Source, str]]:
        texts: list[tuple[PracticeSampler, Source, str]] = []
        if (program := worked_program(one.problem)) is not None:
            texts.append(("program", "worked", program))
        if one.problem.worked:
            texts.append(("reason", "worked", one.problem.worked))
        if (computed := await self.checks.exact.solve(one.problem.asked)) is not None:
            said = f"{computed.steps.rstrip()}\nThe answer is {computed.answer}."
            texts.append(("reason", "exact", said))
        return texts

    async def _sample(
        self,
        one: PracticeQuestion,
        sampler: PracticeSampler,
        model: PracticeModel,
        number: int,
        *,
        solution: str = "",
    ) -> None:
        if model.source == "teacher" and self._taught_enough():
            return
        prompt = prompt_of(sampler, one.problem.asked, model.profile, solution)
        done = await self._written(
            prompt,
            model,
            max_tokens=getattr(model.profile, sampler).max_tokens,
            schema=Written.model_json_schema() if sampler == "formal" else None,
            stop=(MADE_UP,) if sampler in ("program", "check") else (),
        )
        await self._judged(one, sampler, model.source, done, prompt=tuple(prompt), number=number)

    def _taught_enough(self) -> bool:
        taught = sum(one.tokens for one in self.file.found if one.source == "teacher")
        return self.teacher_tokens is not None and taught >= self.teacher_tokens

    async def _chat(self, model: PracticeModel, number: int) -> None:
        prompt = [Message("user", PLAIN[number])]
        done = await self._written(prompt, model, max_tokens=PLAIN_TOKENS)
        self.file.add(
            Practised(
                question_id="",
                kind="chat",
                question="",
                sampler="chat",
                prompt=tuple(prompt),
                text=done.text.strip(),
                value="",
                right=False,
                tokens=done.tokens,
                finish=done.finish,
                model=done.model,
                number=number,
                source=model.source,
            )
        )

    async def _written(
        self, prompt: Sequence[Message], model: PracticeModel, **how: Unpack[How]
    ) -> Completion:
        how["temperature"] = self.temperature
        done = await model.models.complete(prompt, deadline=Deadline.after(ANSWER_S), **how)
        if done.finish == "failed":
            raise TuningError(f"practice stops, {done.error}: `logicnet tune improve` goes on from here")
        return done

    async def _judged(
        self,
        one: PracticeQuestion,
        sampler: PracticeSampler,
        source: Source,
        done: Completion,
        *,
        prompt: tuple[Message, ...] = (),
        number: int = 0,
    ) -> None:
        text = done.text.strip()
        answer, right, error = await self.checks.read(sampler, text, one.problem)
        self.file.add(
            Practised(
                question_id=one.problem.id,
                kind=one.kind,
                question=one.problem.asked,
                sampler=sampler,
                prompt=prompt,
                text=text,
                value=answer,
                right=right,
                tokens=done.tokens,
                finish=done.finish,
                model=done.model,
                number=number,
                source=source,
                error=error,
            )
        )

    async def _all(
        self,
        work: Sequence[Callable[[], Awaitable[None]]],
        done: Callable[[int, int], None] = lambda _ended, _all: None,
    ) -> None:
        free = asyncio.Semaphore(self.at_once)
        ended = 0

        async def one(task: Callable[[], Awaitable[None]]) -> None:
            nonlocal ended
            async with free:
                await task()
            ended += 1
            done(ended, len(work))

        try:
            async with asyncio.TaskGroup() as group:
                for task in work:
                    group.create_task(one(task))
        except ExceptionGroup as error:
            raise error.exceptions[0] from None


def prompt_of(sampler: PracticeSampler, question: str, profile: Profile, solution: str = "") -> list[Message]:
    """As the race asks. `solution`: what `check` is asked about."""
    match sampler:
        case "program":
            return program_prompt(question, profile)
        case "formal":
            return formal_prompt(readable(question), profile.formal.examples)
        case "check":
            return check_prompt(question, solution)
    return reasoning_prompt(question, profile)


def without_examples(profile: Profile) -> Profile:
    """How a model is asked that was trained on prompts without examples."""
    bare = {
        str(sampler): getattr(profile, sampler).model_copy(update={"examples": 0}) for sampler in _PROMPTS
    }
    return profile.model_copy(update=bare)
