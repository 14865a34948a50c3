"""Scores replies beside the asking: on an event loop of its own, in a thread of its own.

What miners wrote can take a while to be compared, and a clock that runs for other miners meanwhile
must not notice. Here also live the judge, the references and what embeds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from logicnet.deadline import Deadline
from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.standings import Range
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Completion, Endpoint
from logicnet.llm.reach import reach
from logicnet.scoring import (
    Checker,
    Embedder,
    Judge,
    MiniLM,
    Reward,
    Score,
    ScoredInput,
    Scorer,
    Similarity,
    TruthTeller,
    similarity,
    with_volume,
    write_reference,
)
from logicnet.scoring.options import ModelServer
from logicnet.scoring.similarity import Encode

REFERENCE_S = 60.0  # a validator's own patience is not known; as for its judge

_REFERENCES_KEPT = 256  # questions under way at once are far fewer

_LEAST, _MOST = -1.0, 1.0  # of correctness, and of a cosine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a reply came to. `reward` is after volume; its ends differ where something is undecided."""

    score: Score
    similarity: Similarity | None
    reference: str | None
    reward: Range


class ReplyScorer:
    """See the module. Use as an async context manager; entering loads and probes whatever is needed.

    Entering raises LogicnetError if a model does not answer or something is not installed. What is not
    in the plan is left out of the score, never guessed.
    """

    def __init__(
        self,
        plan: ArenaPlan,
        *,
        checker_of: Callable[[Problem], Checker | None] = lambda problem: None,
        checker_modules: tuple[str, ...] = (),
        encode: Encode | None = None,
    ) -> None:
        """`checker_of` is a problem's own checker, a function of one of `checker_modules`.

        `encode` embeds in place of a validator's own model.
        """
        self._plan = plan
        self._checker_of = checker_of
        self._checker_modules = checker_modules
        self._encode = encode
        self._stack = AsyncExitStack()
        self._references: dict[str, asyncio.Task[Completion]] = {}
        self._reference_models: Endpoint | None = None
        self._scorer = Scorer()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Mark:
        """Score one reply. Never raises for what a miner or a model says."""
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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        judge = embedder = truth = None
        if self._plan.judge is not None:
            judge = Judge(await self._endpoint(self._plan.judge, "judge"))
        if self._plan.reference is not None:
            self._reference_models = await self._endpoint(self._plan.reference, "reference")
            embedder = Embedder(self._encode or MiniLM(self._plan.embedding_model))
            self._stack.callback(embedder.close)
            # torch takes seconds to load, and holds up every thread while it does: before any clock runs.
            await embedder.similarities([("one", "two")])
        if self._plan.truth:
            truth = await self._stack.enter_async_context(TruthTeller(*self._checker_modules))
            await truth.start()
        self._scorer = Scorer(judge, embedder, truth)
        self._stack.push_async_callback(self._drop_references)

    async def _endpoint(self, server: ModelServer, role: str) -> Endpoint:
        endpoint = await reach(role, server.url, server.model, server.key, flag=f"--{role}-url")
        self._stack.push_async_callback(endpoint.close)
        return endpoint

    async def _mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Mark:
        reference: str | None = None
        failure = ""
        if reply.success and self._reference_models is not None:
            written = await self._reference(problem, self._reference_models)
            if written.finish in ("stop", "length"):
                reference = written.text
            else:
                failure = f"the reference failed: {written.error or 'it was not written in time'}"
        answered = ScoredInput(
            truth=problem.truth,
            answer=reply.answer if reply.success else None,
            question=problem.question,
            reasoning=reply.reasoning,
            reference=reference,
            process_time_s=reply.seconds,
            timeout_s=self._plan.timeout_s,
            checker=self._checker_of(problem),
        )
        (score,) = await self._scorer.score([answered])
        close = Similarity(similarity.FAILED_SIMILARITY, failure) if failure else score.similarity
        return Mark(score, close, reference, self._reward(score, close, reply, epoch_volume))

    def _reward(self, score: Score, close: Similarity | None, reply: MinerReply, epoch_volume: int) -> Range:
        if not reply.success:
            return Range(0.0, 0.0)
        right = score.correctness.score
        worst, best = (
            Reward(
                end if right is None else right,
                end if close is None else close.value,
                reply.seconds,
                self._plan.timeout_s,
            ).value
            for end in (_LEAST, _MOST)
        )
        return Range(with_volume(worst, epoch_volume), with_volume(best, epoch_volume))

    async def _reference(self, problem: Problem, models: Endpoint) -> Completion:
        """Written once for all who are asked the question."""
        writing = self._references.get(problem.id)
        if writing is None:
            while len(self._references) >= _REFERENCES_KEPT:
                del self._references[next(iter(self._references))]
            writing = asyncio.create_task(
                write_reference(problem.question, models, Deadline.after(REFERENCE_S))
            )
            self._references[problem.id] = writing
        # One who is cancelled must not take the text from the others who wait for it.
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
