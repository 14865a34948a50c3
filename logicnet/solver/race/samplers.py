"""Samplers: the strategies for one question. Each sample ends with an answer or without one.

reason    the model reasons; if it does not conclude in time, it continues from its own text and
          "So the final answer is". An answer that is only guessed from the text counts as "forced". A model
          that is still thinking first writes its solution down, because thoughts are never sent
program   the model writes a program, the sandbox runs it, and the model goes on from what it prints
check     the model writes a program that works the question of a solution out anew
formal    the model writes the question as a formula, which is computed exactly
exact     a closed expression is computed without a model
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Unpack

from logicnet.answers import NormalForm
from logicnet.answers.sentences import whole_sentences
from logicnet.deadline import Deadline
from logicnet.llm import Completion, How, Message, Models
from logicnet.llm.thinking import inside, shown, split
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.examples import nearest
from logicnet.solver.race.formal import Written, formal_prompt, formula_in
from logicnet.solver.race.profiles import Profile, SamplerProfile
from logicnet.solver.race.programs import MADE_UP, breaks_off, check_prompt, in_turns, shows_code
from logicnet.solver.reader import OF_ANSWER, OF_QUESTION, ON_LOOP, SHORT_TO_CUT, Reader
from logicnet.solver.reading import Form, conclusion, named, value
from logicnet.solver.sandbox.sandbox import LIBRARIES, TIMEOUT_S, Ran, Sandbox

_REASON = "Solve this step by step, and end with a line that begins with: The answer is"
_PROGRAM = "Write a short Python program that prints the answer and nothing else. Reply with code only."
_PLAIN = "Use plain Python: sympy and numpy are not at hand."
_SO = "So the final answer is"
_FORCED = r" ?[^\n]{1,100}"
_FORCED_TOKENS = 48
_LEAST_TOKENS = 64  # of a budget, however little time is left

_IN_SHORT = "Here is the solution, step by step and in short."
_IN_SHORT_TOKENS = 384
_SPARE_S = 1.0  # reserved for each of these calls beside its tokens: to connect, to read the prompt

_LOOP_CHARS, _LOOP_TIMES, _LOOP_WINDOW = 48, 4, 1200
"""A text repeats itself if its last 48 characters occur four times in its last 1,200."""

_MOST_READABLE = 30_000  # characters of a question, four times what fits into a small model
_MATHS = re.compile(r"\\[()\[\]]|\$")
_SIGNS = {r"\cdot": "*", r"\times": "*", r"\div": "/", r"\left": "", r"\right": "", r"\%": "%", r"\,": ""}
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample's result. `trace` reads as a solution; `model` is the name that served it."""

    sampler: str
    form: NormalForm | None  # its answer
    trace: str = ""
    program: str = ""
    confidence: float | None = None
    tokens: int = 0
    seconds: float = 0.0  # of its model calls, in which these tokens were written
    error: str = ""
    model: str = ""
    thinks: bool | None = None  # as `Completion.thinks`
    cut: bool = False  # its budget of tokens was too small


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens that a text is seen to need at most, and the seconds that one takes now."""

    tokens: int
    token_s: float


class _Repetition(Exception):
    """The text repeats itself, so the rest of it is worth nothing."""


@dataclass(frozen=True, slots=True)
class Samplers:
    """Draws samples for one question. No method raises for what a model or a program does."""

    question: str
    profile: Profile
    deadline: Deadline
    models: Models
    sandbox: Sandbox
    exactly: Exact
    caller: str = ""  # as `Challenge.caller`
    reader: Reader = ON_LOOP
    budget: Callable[[str, int], Budget] | None = (
        None  # of a sampler, for so many at once; None: the profile's
    )

    async def exact(self) -> Sample:
        if (worked := await self.exactly.solve(self.question, self.caller)) is None:
            return Sample("exact", None)
        return Sample("exact", await self._read(value, text=worked.answer), trace=worked.steps)

    async def reason(self) -> Sample:
        sampler = self.profile.reason
        prompt = reasoning_prompt(self.question, self.profile)
        budget = self._budget("reason")
        done, written = await _written(
            self.models,
            prompt,
            self._until(_IN_SHORT_TOKENS + _FORCED_TOKENS, budget),
            max_tokens=budget.tokens,
            temperature=sampler.temperature,
            confidence=True,
        )
        if self._only_thought(done, written):
            sample = await self._in_short(prompt, done, written, budget)
        elif done.finish != "failed" and (found := await self._read(conclusion, text=done.text)):
            sample = _sample("reason", found, done)
        else:
            sample = await self._forced(prompt, done, done.text)
        return replace(sample, cut=done.finish == "length" and done.tokens >= budget.tokens)

    async def program(self) -> Sample:
        """A program that the model corrects and goes on from, as often as its profile says."""
        prompt = program_prompt(self.question, self.profile, self.sandbox.libraries)
        return await self._programmed("program", prompt)

    async def check(self, solution: Sample) -> Sample:
        """A vote for what a program prints that works the question of `solution` out anew."""
        prompt = check_prompt(self.question, solution.trace)
        return await self._programmed("check", prompt)

    async def formal(self) -> Sample:
        """The question as a formula under structured output, computed exactly; the trace tells its steps."""
        sampler = self.profile.formal
        done = await self.models.complete(
            formal_prompt(readable(self.question), sampler.examples),
            deadline=self.deadline,
            max_tokens=sampler.max_tokens,
            temperature=sampler.temperature,
            schema=Written.model_json_schema(),
            confidence=True,
        )
        formula = formula_in(done.text) if done.finish != "failed" else ""
        worked = await self.exactly.compute(formula, self.question, self.caller) if formula else None
        if worked is None:
            return _sample("formal", None, replace(done, text=""))
        return _sample(
            "formal", await self._read(value, text=worked.answer), replace(done, text=worked.steps)
        )

    async def _programmed(self, name: str, prompt: Sequence[Message]) -> Sample:
        sampler: SamplerProfile = getattr(self.profile, name)
        budget = self._budget(name)
        cut = False

        async def ask(messages: Sequence[Message]) -> Completion:
            nonlocal cut
            done, written = await _written(
                self.models,
                messages,
                self.deadline,
                max_tokens=budget.tokens,
                temperature=sampler.temperature,
                confidence=True,
                stop=(MADE_UP,),
            )
            cut = done.finish == "length" and done.tokens >= budget.tokens
            half = done.finish in ("failed", "deadline")  # half of a program misleads
            half = half or (done.finish == "length" and breaks_off(done.text))
            return replace(done, text="") if half or self._only_thought(done, written) else done

        async def run(*texts: str) -> Ran:
            left_s = self.deadline.remaining_s()
            return await self.sandbox.run(*texts, timeout_s=min(TIMEOUT_S, left_s), caller=self.caller)

        turns = await in_turns(
            prompt,
            turns=sampler.turns,
            ask=ask,
            run=run,
            value=lambda text: self._read(value, text=text),
            conclusion=lambda text: self._read(conclusion, text=text),
            any_line=shows_code(self.question),
        )
        sample = _sample(name, turns.form, turns.done)
        return replace(sample, trace="", program=turns.program, cut=cut)

    async def _in_short(
        self, prompt: Sequence[Message], done: Completion, written: str, budget: Budget
    ) -> Sample:
        """Have the model write its solution down after its thinking was cut off.

        The prompt holds the thoughts without their marks, because templates drop marked thoughts. Some
        servers hide them: then the model solves the question in short.
        """
        thoughts = split(written)[0].strip()
        if not thoughts and done.finish == "failed":
            return _sample("forced", None, replace(done, text=""))
        solution = await self.models.complete(
            [*prompt, Message("assistant", f"{thoughts}\n\n{_IN_SHORT}\n\n".lstrip())],
            deadline=self._until(_FORCED_TOKENS, budget),
            max_tokens=_IN_SHORT_TOKENS,
            temperature=self.profile.reason.temperature,
            confidence=True,
        )
        failed = solution.finish == "failed"
        solution = replace(
            solution,
            tokens=done.tokens + solution.tokens,
            seconds=done.seconds + solution.seconds,
            error=solution.error or done.error,
        )
        found = None if failed else await self._read(conclusion, text=solution.text)
        if found is not None:
            return _sample("forced", found, replace(solution, error=""))
        return await self._forced(prompt, solution, f"{thoughts}\n\n{solution.text}")

    async def _forced(self, prompt: Sequence[Message], done: Completion, written: str) -> Sample:
        """Have the model name an answer right after the text so far; at once if all of it is hidden."""
        if not written.strip() and done.finish == "failed":
            return _sample("forced", None, done)
        forced = await self.models.complete(
            [*prompt, Message("assistant", f"{written.strip()}\n\n{_SO}".lstrip())],
            deadline=self.deadline.earlier(min(0.3, self.deadline.total_s() / 20)),
            max_tokens=_FORCED_TOKENS,
            regex=_FORCED,
            confidence=True,
        )
        said = f"{_SO} {forced.text}"
        found = await self._read(named, said=said, text=done.text, whole=done.finish == "stop")
        tokens, model = done.tokens + forced.tokens, done.model or forced.model
        seconds = done.seconds + forced.seconds
        text = done.text
        if done.finish != "stop":  # half a sentence is not sent
            text = await self.reader(whole_sentences, short=SHORT_TO_CUT, text=text)
        forced = replace(forced, text=text, tokens=tokens, seconds=seconds, model=model)
        return _sample("forced", found, forced)

    def concluding(self) -> bool:
        """Whether thoughts are cut by now, so that all solutions are written down at the same time."""
        late_s = self._conclusion_s(_IN_SHORT_TOKENS + _FORCED_TOKENS, self._budget("reason"))
        return self.profile.thinking and self.deadline.remaining_s() <= late_s

    def _budget(self, sampler: str) -> Budget:
        """For a sample that begins now. A model that thinks may fill the time: its texts differ too much."""
        profile: SamplerProfile = getattr(self.profile, sampler)
        if self.budget is None:
            return Budget(profile.max_tokens, 1.0 / self.profile.tokens_per_s)
        seen = self.budget(sampler, profile.samples)
        fits = math.floor(self.deadline.remaining_s() / seen.token_s)
        needed = fits if self.profile.thinking else min(fits, seen.tokens)
        return Budget(min(max(needed, _LEAST_TOKENS), profile.max_tokens), seen.token_s)

    def _until(self, tokens: int, budget: Budget) -> Deadline:
        """The deadline of a call after which others write so many tokens."""
        left_s = self.deadline.remaining_s()  # a sample that begins late has little
        return self.deadline.earlier(min(self._conclusion_s(tokens, budget), left_s / 3))

    def _conclusion_s(self, tokens: int, budget: Budget) -> float:
        return min(tokens * budget.token_s + _SPARE_S, self.deadline.total_s() / 3)

    def _only_thought(self, done: Completion, written: str) -> bool:
        """Whether the text is nothing but thinking. Where the template opens the block, no mark shows it."""
        _, after = split(written)
        if after is not None:
            return not after.strip()
        thinks = self.profile.thinking or done.thinks is True
        return inside(written) or (thinks and done.finish != "stop")

    async def _read(self, function: Callable[..., Form | None], **of_model: Any) -> NormalForm | None:
        """The form that a function of `reading` makes of the model's texts."""
        texts = [text for text in of_model.values() if isinstance(text, str)]
        weighs = OF_QUESTION * len(self.question) + OF_ANSWER * sum(map(len, texts))
        found = await self.reader(function, weighs=weighs, question=self.question, **of_model)
        return None if found is None else NormalForm(**found)


def _sample(sampler: str, found: NormalForm | None, done: Completion) -> Sample:
    return Sample(
        sampler,
        found,
        done.text.strip(),
        confidence=done.confidence,
        tokens=done.tokens,
        seconds=done.seconds,
        error=done.error,
        model=done.model,
        thinks=done.thinks,
    )


def reasoning_prompt(question: str, profile: Profile) -> list[Message]:
    """The prompt of the `reason` sampler."""
    shots = [(one.question, one.solution) for one in nearest(question, profile.reason.examples)]
    return _prompt(question, shots, _REASON)


def program_prompt(question: str, profile: Profile, libraries: Sequence[str] = LIBRARIES) -> list[Message]:
    """The prompt of the `program` sampler; `libraries`: as `Sandbox.libraries`."""
    shots = [(one.question, one.program) for one in nearest(question, profile.program.examples)]
    at_hand = f"{' and '.join(libraries)} {'are' if len(libraries) > 1 else 'is'} at hand."
    with_what = at_hand if libraries else _PLAIN
    return _prompt(question, shots, _PROGRAM if profile.program.turns == 1 else f"{_PROGRAM} {with_what}")


def _prompt(question: str, shots: Sequence[tuple[str, str]], ask: str) -> list[Message]:
    """Examples as earlier turns, then the question without LaTeX, which small models read badly.

    Without examples, instructions say what to do.
    """
    if not shots:
        return [Message("user", f"{question}\n\n{ask}")]
    turns = [(Message("user", asked), Message("assistant", reply)) for asked, reply in shots]
    return [message for turn in turns for message in turn] + [Message("user", readable(question))]


@lru_cache(maxsize=256)
def readable(question: str) -> str:
    r"""The question without the marks of LaTeX: $5 \cdot 7$ is 5 * 7. A very long one stays as it is."""
    if len(question) > _MOST_READABLE:
        return question
    text = _FRACTION.sub(r"(\1)/(\2)", _ROOT.sub(r"the square root of \1", question))
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return _MATHS.sub("", text)


async def _written(
    models: Models, prompt: Sequence[Message], deadline: Deadline, **how: Unpack[How]
) -> tuple[Completion, str]:
    """A completion, ended early when it repeats itself, and its full text, thinking included."""
    pieces: list[str] = []
    said = 0
    started_s = deadline.clock()

    def watch(piece: str) -> None:
        nonlocal said
        said += 1
        pieces.append(piece)
        if said % 32 == 0 and _repeats("".join(pieces[-_LOOP_WINDOW:])):
            raise _Repetition

    try:
        how["on_text"] = watch
        done = await models.complete(prompt, deadline=deadline, **how)
    except _Repetition:
        text = "".join(pieces)
        tail = text[-_LOOP_CHARS:]
        pieces[:] = [text[: text.find(tail) + len(tail)]]  # up to the end of the first round
        done = Completion(shown(pieces[0]), "length", said, deadline.clock() - started_s)
    return done, "".join(pieces)


def _repeats(text: str) -> bool:
    tail = text[-_LOOP_CHARS:]
    return len(text) >= _LOOP_CHARS * _LOOP_TIMES and text[-_LOOP_WINDOW:].count(tail) >= _LOOP_TIMES
