"""Score what targets said as a validator does, and put the scores into rows."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from logicnet.evals.challenges.checks import checker_modules, checker_of
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.run import Row
from logicnet.llm import Completion, Endpoint
from logicnet.llm.endpoint import reach
from logicnet.scoring.judge import Judge
from logicnet.scoring.options import ModelServer
from logicnet.scoring.reward import Reward, with_volume
from logicnet.scoring.scorer import Score, ScoredInput, Scorer
from logicnet.scoring.similarity import FAILED_SIMILARITY, Embedder, Encode, Similarity
from logicnet.scoring.truth import TruthTeller

_LOWEST, _HIGHEST = -1.0, 1.0  # correctness, and a cosine


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both possible."""

    low: float
    high: float

    @property
    def decided(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply of a target. `answer` None: none came in time."""

    problem: Problem
    answer: str | None
    reasoning: str
    seconds: float
    reference: Completion | None  # by a validator's own model


@dataclass(frozen=True, slots=True)
class Mark:
    """The scores of one reply. The ends of `reward` differ where something is undecided."""

    score: Score
    similarity: Similarity | None
    reference: str | None
    reward: Range


async def endpoint(stack: AsyncExitStack, role: str, server: ModelServer, flag: str) -> Endpoint:
    """The server of a role, once it has answered; `stack` closes it. See `reach` for errors."""
    found = await reach(role, server.url, server.model, server.key, flag=flag)
    stack.push_async_callback(found.close)
    return found


async def scorer_of(
    stack: AsyncExitStack, judge: Endpoint | None, encode: Encode | None, truths: Sequence[Problem] | None
) -> Scorer:
    """A scorer that `stack` closes. Without `encode` no similarity; truth for the questions of `truths`."""
    embedder = truth = None
    if encode is not None:
        embedder = Embedder(encode)
        stack.callback(embedder.close)
        # torch takes seconds to load, and holds up every thread while it does: before any clock runs.
        await embedder.similarities([("one", "two")])
    if truths is not None:
        truth = await stack.enter_async_context(TruthTeller(*checker_modules(truths)))
        await truth.start()
    return Scorer(Judge(judge) if judge else None, embedder, truth)


async def marks(
    scorer: Scorer, replies: Sequence[TimedReply], timeout_s: float, epoch_volume: int | None = None
) -> list[Mark]:
    """One for each, in order. Rewards are after volume if that is given. Never raises for a bad reply."""
    scores = await scorer.score(
        [
            ScoredInput(
                truth=one.problem.truth,
                answer=one.answer,
                question=one.problem.question,
                reasoning=one.reasoning,
                reference=_text(one.reference),
                process_time_s=one.seconds,
                timeout_s=timeout_s,
                checker=checker_of(one.problem),
            )
            for one in replies
        ]
    )
    return [_mark(one, score, timeout_s, epoch_volume) for one, score in zip(replies, scores, strict=True)]


def _mark(one: TimedReply, score: Score, timeout_s: float, epoch_volume: int | None) -> Mark:
    close, text = score.similarity, _text(one.reference)
    if one.answer is None:
        return Mark(score, close, text, Range(0.0, 0.0))
    if one.reference is not None and text is None:
        # A validator whose own model failed counts this; see `Similarity`.
        why = one.reference.error or "it was not written in time"
        close = Similarity(FAILED_SIMILARITY, f"the reference failed: {why}")
    right = score.correctness.score
    low, high = (
        Reward(
            end if right is None else right, end if close is None else close.value, one.seconds, timeout_s
        ).value
        for end in (_LOWEST, _HIGHEST)
    )
    if epoch_volume is not None:
        low, high = with_volume(low, epoch_volume), with_volume(high, epoch_volume)
    return Mark(score, close, text, Range(low, high))


def _text(reference: Completion | None) -> str | None:
    return reference.text if reference is not None and reference.finish in ("stop", "length") else None


def row_of(problem: Problem, **known: Any) -> Row:
    """A row with the fields of the question, and `known`."""
    return Row(
        id=problem.id,
        kind=problem.kind,
        source=problem.source,
        question=problem.asked,
        raw_question=problem.question,
        ground_truth=problem.truth,
        **known,
    )


def marked_row(row: Row, mark: Mark, *notes: str) -> Row:
    """`row` with its scores."""
    score = mark.score
    said = [row.note, *score.notes, *notes]
    if mark.similarity is not None and mark.similarity is not score.similarity:
        said.append(mark.similarity.failure)
    return replace(
        row,
        scored=True,
        correctness=score.correctness.score,
        decided_by=score.correctness.by,
        true=score.truth.right if score.truth else None,
        reference=mark.reference,
        similarity=mark.similarity.value if mark.similarity else None,
        reward=mark.reward.low if mark.reward.decided else None,
        reward_low=mark.reward.low,
        reward_high=mark.reward.high,
        note="; ".join(filter(None, said)),
    )
