"""Scores replies on an event loop in a thread of its own, so that scoring adds nothing to miners' times."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self, TypeVar

from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.challenges.checks import checker_modules
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.score import reach_models, scored_input
from logicnet.llm import Completion, Endpoint
from logicnet.scoring import similarity
from logicnet.scoring.reward import Range, with_volume
from logicnet.scoring.scorer import Score, Scorer, open_scorer
from logicnet.scoring.similarity import Encode, MiniLM, write_reference

_REFERENCES_KEPT = 256  # far more than questions in flight

T = TypeVar("T")


class ReplyScorer:
    """An async context manager: entering loads and probes the models, and raises LogicnetError if one fails.

    What is not in the plan is left out of the score, never guessed.
    """

    def __init__(
        self, plan: ArenaPlan, problems: Sequence[Problem] = (), *, encode: Encode | None = None
    ) -> None:
        """`problems` are those whose own checkers are needed. `encode` embeds, default: MiniLM."""
        self._plan = plan
        self._problems = problems
        self._encode = encode
        self._stack = AsyncExitStack()
        self._references: dict[str, asyncio.Task[Completion]] = {}
        self._reference_models: Endpoint | None = None
        self._scorer = Scorer()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Score:
        """Score one reply, after volume. Never raises for what a miner or a model says."""
        return await self._aside(self._mark(problem, reply, epoch_volume))

    async def __aenter__(self) -> Self:
        if self._plan.reference is not None and self._encode is None:
            similarity.require()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_run, args=(self._loop,), name="scorer", daemon=True).start()
        try:
            await self._aside(self._open())
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._close()

    async def _aside(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _close(self) -> None:
        if self._loop is not None:
            try:
                await self._aside(self._stack.aclose())
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    # From here on everything runs on the other loop.

    async def _open(self) -> None:
        plan, stack = self._plan, self._stack
        judge, self._reference_models = await reach_models(stack, plan)
        encode = None
        if self._reference_models is not None:
            encode = self._encode or MiniLM(plan.embedding_model)
        modules = checker_modules(self._problems) if plan.truth else None
        self._scorer = await open_scorer(stack, judge, encode, modules)
        stack.push_async_callback(self._drop_references)

    async def _mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Score:
        reference = None
        if reply.success and self._reference_models is not None:
            reference = await self._reference(problem, self._reference_models)
        answer = reply.answer if reply.success else None
        said = scored_input(
            problem,
            answer,
            reference,
            reasoning=reply.reasoning,
            seconds=reply.seconds,
            timeout_s=self._plan.timeout_s,
        )
        (score,) = await self._scorer.score([said])
        low, high = (with_volume(end, epoch_volume) for end in (score.reward.low, score.reward.high))
        return replace(score, reward=Range(low, high))

    async def _reference(self, problem: Problem, models: Endpoint) -> Completion:
        """Written once per question, for all miners."""
        writing = self._references.get(problem.id)
        if writing is None:
            while len(self._references) >= _REFERENCES_KEPT:
                del self._references[next(iter(self._references))]
            writing = asyncio.create_task(write_reference(problem.question, models))
            self._references[problem.id] = writing
        # Cancelling one miner's score must not cancel the text for the others.
        return await asyncio.shield(writing)

    async def _drop_references(self) -> None:
        writing = [task for task in self._references.values() if not task.done()]
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
