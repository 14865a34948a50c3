"""Samplers: the lines of attack on one question. Each ends with a vote, or with none, and never raises.

reason    the model reasons; if it does not conclude in time, it is made to go on from its own words,
          "So the final answer is"; what is only guessed from its text counts as "forced". One that is
          still thinking for itself is first made to write the solution down, for thoughts are not sent
program   the model writes a short program, which the sandbox runs
exact     a closed expression, computed; no model is asked
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Unpack

from logicnet.answers import Form, form, question_kind
from logicnet.answers.extract import concluded, guessed
from logicnet.deadline import Deadline
from logicnet.llm import Completion, How, Message, Models
from logicnet.llm.thinking import CLOSE, OPEN, shown
from logicnet.solver.guard import blank, suspicious
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.examples import nearest
from logicnet.solver.race.profiles import Profile
from logicnet.solver.race.sandbox import Sandbox

_REASON = "Solve this step by step, and end with a line that begins with: The answer is"
_PROGRAM = "Write a short Python program that prints the answer and nothing else. Reply with code only."
_SO = "So the final answer is"
_FORCED = r" ?[^\n]{1,100}"
_FORCED_TOKENS = 48

_IN_SHORT = "Here is the solution, step by step and in short."
_IN_SHORT_TOKENS = 384

FORCED_S = 4.0
"""Kept back from a sampler's time for its forced conclusion: 48 tokens on a slow server."""

IN_SHORT_S = 8.0
"""Kept back before that where a model thinks, to write down what it found: 384 tokens at 50 a second."""

_PROGRAM_S = 1.0  # a program that takes longer is lost

_LOOP_CHARS, _LOOP_TIMES, _LOOP_WINDOW = 48, 4, 1200
"""A text whose last 48 characters stood four times in its last 1,200 goes round in circles."""

_DIGIT = re.compile(r"\d")
_MATHS = re.compile(r"\\[()\[\]]|\$")
_SIGNS = {r"\cdot": "*", r"\times": "*", r"\div": "/", r"\left": "", r"\right": "", r"\%": "%", r"\,": ""}
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of a sampler. `form` None: no answer. `trace` reads as a solution, "" if there is none."""

    sampler: str
    form: Form | None
    trace: str = ""
    program: str = ""
    confidence: float | None = None
    tokens: int = 0
    error: str = ""
    model: str = ""  # who wrote it, as served; "" if nobody said


class _Circles(Exception):
    """The text repeats itself; more of it is worth nothing."""


@dataclass(frozen=True, slots=True)
class Samplers:
    """Runs samplers on one question."""

    question: str
    profile: Profile
    deadline: Deadline
    models: Models
    sandbox: Sandbox
    exactly: Exact

    async def exact(self) -> Sample:
        worked = await self.exactly.solve(self.question)
        if worked is None:
            return Sample("exact", None)
        return Sample("exact", form(worked.answer, self.question), trace=worked.steps)

    async def reason(self) -> Sample:
        sampler = self.profile.reason
        prompt = reasoning_prompt(self.question, self.profile)
        done, written = await _written(
            self.models,
            prompt,
            self._until_in_short() if self.profile.thinking else self._until_forced(),
            max_tokens=sampler.max_tokens,
            temperature=sampler.temperature,
            confidence=True,
        )
        if self._only_thought(done, written):
            return await self._in_short(prompt, done, written)
        found = self._said(done.text) if done.finish != "failed" else None
        if found is not None:
            return Sample(
                "reason", found, done.text.strip(), "", done.confidence, done.tokens, model=done.model
            )
        return await self._forced(prompt, done, done.text)

    async def program(self) -> Sample:
        sampler = self.profile.program
        shots = [(one.question, one.program) for one in nearest(self.question, sampler.examples)]
        done, written = await _written(
            self.models,
            _prompt(self.question, shots, _PROGRAM),
            self.deadline,
            max_tokens=sampler.max_tokens,
            temperature=sampler.temperature,
            confidence=True,
        )
        if (
            not done.text.strip()
            or done.finish in ("failed", "deadline")
            or self._only_thought(done, written)
        ):
            return _nothing("program", done)  # half of one misleads
        ran = await self.sandbox.run(done.text, timeout_s=_PROGRAM_S)
        return Sample(
            "program",
            self._form(ran.value),
            "",
            done.text,
            done.confidence,
            done.tokens,
            ran.error,
            done.model,
        )

    async def _in_short(self, prompt: Sequence[Message], done: Completion, written: str) -> Sample:
        """The solution that a model writes down once its thinking is cut off.

        It goes on from its thoughts without their marks: templates drop what stands between those.
        """
        thoughts = shown(written).strip()
        if not thoughts:
            return _nothing("forced", done)
        told = await self.models.complete(
            [*prompt, Message("assistant", f"{thoughts}\n\n{_IN_SHORT}\n\n")],
            deadline=self._until_forced(),
            max_tokens=_IN_SHORT_TOKENS,
            temperature=self.profile.reason.temperature,
            confidence=True,
        )
        tokens = done.tokens + told.tokens
        found = self._said(told.text) if told.finish != "failed" else None
        if found is not None:
            return Sample("forced", found, told.text.strip(), "", told.confidence, tokens, model=told.model)
        told = replace(told, tokens=tokens, error=told.error or done.error)
        return await self._forced(prompt, told, f"{thoughts}\n\n{told.text}")

    async def _forced(self, prompt: Sequence[Message], done: Completion, written: str) -> Sample:
        """The text so far, and the answer that it is made to name."""
        if not written.strip():
            return _nothing("forced", done)
        so_far = Message("assistant", f"{written.strip()}\n\n{_SO}")
        forced = await self.models.complete(
            [*prompt, so_far],
            deadline=self.deadline.earlier(min(0.3, self.deadline.total_s() / 20)),
            max_tokens=_FORCED_TOKENS,
            regex=_FORCED,
            confidence=True,
        )
        found = self._form(concluded(f"{_SO} {forced.text}")) or self._form(_guess(done))
        tokens = done.tokens + forced.tokens
        return Sample(
            "forced",
            found,
            done.text.strip(),
            confidence=forced.confidence,
            tokens=tokens,
            error=forced.error,
            model=done.model or forced.model,
        )

    def _until_forced(self) -> Deadline:
        total_s, left_s = self.deadline.total_s(), self.deadline.remaining_s()
        return self.deadline.earlier(min(FORCED_S, total_s / 8, left_s / 3))  # little is left to a late one

    def _until_in_short(self) -> Deadline:
        total_s, left_s = self.deadline.total_s(), self.deadline.remaining_s()
        return self.deadline.earlier(min(FORCED_S + IN_SHORT_S, total_s / 3, left_s / 2))

    def _only_thought(self, done: Completion, written: str) -> bool:
        """Whether all that was written is a model's thinking. Some templates open it, so no mark tells."""
        _, closed, after = written.rpartition(CLOSE)
        if closed:
            return not after.strip()
        return OPEN in written or (self.profile.thinking and done.finish != "stop")

    def _said(self, text: str) -> Form | None:
        """What a text concludes; where a program is asked for, the program in it."""
        if question_kind(self.question) == "code":
            found = form(text, self.question)
            if found is not None and found.kind == "code":
                return found
        return self._form(concluded(text))

    def _form(self, answer: str) -> Form | None:
        """None too for what could not be sent, so that it is no vote."""
        found = None if blank(answer) else form(answer, self.question)
        if found is None or blank(found.text) or suspicious(answer) or suspicious(found.text):
            return None
        return found


def _nothing(sampler: str, done: Completion) -> Sample:
    return Sample(sampler, None, tokens=done.tokens, error=done.error, model=done.model)


def reasoning_prompt(question: str, profile: Profile) -> list[Message]:
    """What a reasoning sampler asks its model."""
    shots = [(one.question, one.solution) for one in nearest(question, profile.reason.examples)]
    return _prompt(question, shots, _REASON)


def _prompt(question: str, shots: Sequence[tuple[str, str]], ask: str) -> list[Message]:
    """Examples as earlier turns, then the question without LaTeX, which small models read badly.

    Without examples the model is told what to do, in words.
    """
    if not shots:
        return [Message("user", f"{question}\n\n{ask}")]
    turns = [(Message("user", asked), Message("assistant", reply)) for asked, reply in shots]
    return [message for turn in turns for message in turn] + [Message("user", readable(question))]


@lru_cache(maxsize=256)
def readable(question: str) -> str:
    r"""The question without LaTeX's marks: $5 \cdot 7$ is 5 * 7."""
    text = _FRACTION.sub(r"(\1)/(\2)", _ROOT.sub(r"the square root of \1", question))
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return _MATHS.sub("", text)


async def _written(
    models: Models, prompt: Sequence[Message], deadline: Deadline, **how: Unpack[How]
) -> tuple[Completion, str]:
    """A completion, ended early when it goes round in circles, and every piece of it, thinking included."""
    pieces: list[str] = []
    said = 0
    started_s = deadline.clock()

    def watch(piece: str) -> None:
        nonlocal said
        said += 1
        pieces.append(piece)
        if said % 32 == 0 and _in_circles("".join(pieces[-_LOOP_WINDOW:])):
            raise _Circles

    try:
        done = await models.complete(prompt, deadline=deadline, on_text=watch, **how)
    except _Circles:
        pieces[:] = [_once("".join(pieces))]
        done = Completion(shown(pieces[0]), "length", said, deadline.clock() - started_s)
    return done, "".join(pieces)


def _in_circles(text: str) -> bool:
    tail = text[-_LOOP_CHARS:]
    return len(text) >= _LOOP_CHARS * _LOOP_TIMES and text[-_LOOP_WINDOW:].count(tail) >= _LOOP_TIMES


def _once(text: str) -> str:
    """A text that goes round in circles, up to where it has been round once."""
    tail = text[-_LOOP_CHARS:]
    return text[: text.find(tail) + len(tail)]


def _guess(done: Completion) -> str:
    """What a text seems to come to; of one that was cut off only a number, for its last words are half a
    sentence."""
    answer = guessed(done.text)
    return answer if done.finish == "stop" or _DIGIT.search(answer) else ""
