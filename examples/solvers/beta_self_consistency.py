"""A peer: BetaSelfConsistency of its-hub 1.2 (PyPI; Red Hat, Apache-2.0), the strongest public stopping rule.

Samples are drawn at once and voted on; drawing stops when the leading answer stays ahead with a
probability of 0.95 (Aggarwal et al., "Let's Sample Step by Step", EMNLP 2023). The rule is theirs and
used through its public interface. Ours is what surrounds it (its-hub leaves it to its user): the prompt,
temperature and length, which are those of the race's own reasoning samplers, so that only the rules differ;
how an answer is read from a sample; and that time may run out: then the samples there are vote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any, Self

from its_hub import AbstractLanguageModel, AbstractOrchestrator, BetaSelfConsistency

from logicnet.answers import extract
from logicnet.answers.extract import stated_answer
from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver import Setup
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.samplers import reasoning_prompt

BUDGET = 8  # samples at most, as in the vote of 8 that our figures are compared with
CONFIDENCE = 0.95  # its default


class BetaSelfConsistencyPeer:
    """Votes until more votes would not change the outcome."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    @classmethod
    def from_setup(cls, setup: Setup) -> Self:
        return cls(profile_for(setup.model, load_profiles(setup.profiles)))

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if no sample could be read."""
        # Every sample ends a second before the deadline, with what it has, so that there is a vote.
        model = _Model(models, deadline.earlier(1.0), self._profile, challenge.question)
        rule = BetaSelfConsistency(CONFIDENCE, model.vote, orchestrator=_OneByOne())
        chosen = await rule.ainfer(model, challenge.question, BUDGET)
        text = str(chosen["content"])
        if not (answer := extract(text, challenge.question)):
            raise ModelError("no sample holds anything that could be read as an answer")
        return Answer(text, answer)


class _Model(AbstractLanguageModel):
    """The bench's own models, so that calls, tokens and deadline are the same for all."""

    def __init__(self, models: Models, deadline: Deadline, profile: Profile, question: str) -> None:
        self._models = models
        self._sampler = profile.reason
        self._question = question
        self._prompt = reasoning_prompt(question, profile)
        self._deadline = deadline
        self._unfinished: set[str] = set()

    def vote(self, text: str) -> Hashable:
        """A sample that time or the server cut off votes only if it had said its answer by then."""
        find = stated_answer if text in self._unfinished else extract
        answer = find(text, self._question)
        return answer or object()  # equal to nobody's

    async def agenerate_single(
        self, messages: list[Any], stop: str | None = None, **_: Any
    ) -> dict[str, Any]:
        done = await self._models.complete(
            self._prompt,  # of the question in `messages`, which its-hub has wrapped
            deadline=self._deadline,
            max_tokens=self._sampler.max_tokens,
            temperature=self._sampler.temperature,
        )
        if done.finish in ("deadline", "failed"):
            self._unfinished.add(done.text)
        return {"role": "assistant", "content": done.text}

    async def agenerate(self, messages: list[Any], stop: str | None = None, **more: Any) -> Any:
        if messages and isinstance(messages[0], list):
            return await asyncio.gather(*(self.agenerate_single(one, stop, **more) for one in messages))
        return await self.agenerate_single(messages, stop, **more)


class _OneByOne(AbstractOrchestrator):
    """Hands calls through: its-hub's own holds each of them in a thread while it waits."""

    async def agenerate(
        self, lm: AbstractLanguageModel, messages_lst: list[list[Any]], stop: str | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(lm.agenerate_single(one, stop, **more) for one in messages_lst)))
