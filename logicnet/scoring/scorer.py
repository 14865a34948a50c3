"""The validator's score of answers, and whether they are right, in one call."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.correctness import Verdict, by_text
from logicnet.scoring.judge import Judge, by_rule
from logicnet.scoring.reward import SILENCE, Range, reward_of
from logicnet.scoring.similarity import FAILED_SIMILARITY, Embedder, Encode, Similarity
from logicnet.scoring.truth import Checker, Truth, TruthTeller

_LOWEST, _HIGHEST = -1.0, 1.0  # correctness, and a cosine

NO_JUDGE = "only a judge could decide; give one with --judge-url"


@dataclass(frozen=True, slots=True)
class ScoredInput:
    """One answer and its circumstances. `answer` is None if no answer came in time."""

    truth: str
    answer: str | None
    question: str = ""
    reasoning: str | None = None
    reference: str | None = None  # what the reasoning is compared with
    reference_failure: str = ""  # why nobody could write one
    process_time_s: float | None = None
    timeout_s: float = LOGIC_TIMEOUT_S
    checker: Checker | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One answer's score. `reward` is before volume, and undecided as long as a part of it is."""

    correctness: Verdict
    similarity: Similarity | None
    reward: Range
    truth: Truth | None
    reference: str | None = None

    @property
    def notes(self) -> list[str]:
        """Whatever was unusual, in words."""
        said = [self.correctness.note]
        if self.similarity is not None:
            said.append(self.similarity.failure)
        if self.truth is not None and self.truth.note:
            said.append(f"truth: {self.truth.note}")
        return [note for note in said if note]


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores without the parts that are None: no judge, no opinion; no embedder, no similarity."""

    judge: Judge | None = None
    embedder: Embedder | None = None
    truth: TruthTeller | None = None
    reward: Callable[[float, float, float, float], float] = reward_of  # of a subnet's wire

    async def score(self, replies: Sequence[ScoredInput]) -> list[Score]:
        """A score for each reply, in order. Never raises for a reply's content or a judge's failure."""
        verdicts, similarities, truths = await asyncio.gather(
            asyncio.gather(*(self._correctness(reply) for reply in replies)),
            self._similarities(replies),
            asyncio.gather(*(self._truth(reply) for reply in replies)),
        )
        return [
            Score(verdict, similarity, self._reward(reply, verdict, similarity), truth, reply.reference)
            for reply, verdict, similarity, truth in zip(replies, verdicts, similarities, truths, strict=True)
        ]

    async def _correctness(self, reply: ScoredInput) -> Verdict:
        if reply.answer is None:
            return Verdict(None, "nobody", "no reply")
        return await correctness(reply.truth, reply.answer, question=reply.question, judge=self.judge)

    async def _similarities(self, replies: Sequence[ScoredInput]) -> list[Similarity | None]:
        pairs = {
            place: (reply.reasoning, reply.reference)
            for place, reply in enumerate(replies)
            if reply.answer is not None and reply.reasoning is not None and reply.reference is not None
        }
        # A validator whose own model failed counts this.
        found = {
            place: Similarity(FAILED_SIMILARITY, f"the reference failed: {reply.reference_failure}")
            for place, reply in enumerate(replies)
            if reply.answer is not None and reply.reference_failure
        }
        if self.embedder is not None and pairs:
            found |= zip(pairs, await self.embedder.similarities(list(pairs.values())), strict=True)
        return [found.get(place) for place in range(len(replies))]

    async def _truth(self, reply: ScoredInput) -> Truth | None:
        if self.truth is None or reply.answer is None:
            return None
        return await self.truth.tell(reply.truth, reply.answer, reply.checker)

    def _reward(self, reply: ScoredInput, verdict: Verdict, similarity: Similarity | None) -> Range:
        """Between the ends of what is undecided."""
        if reply.answer is None:
            return Range(SILENCE, SILENCE)
        time_s = reply.process_time_s or 0.0  # unknown: as if it had taken none; at most 0.025 too much
        low, high = (
            self.reward(
                end if verdict.score is None else verdict.score,
                end if similarity is None else similarity.value,
                time_s,
                reply.timeout_s,
            )
            for end in (_LOWEST, _HIGHEST)
        )
        return Range(low, high)


async def correctness(truth: str, answer: str, *, question: str = "", judge: Judge | None = None) -> Verdict:
    """All four steps. Without a judge the fourth leaves an answer undecided, unless a rule decides it."""
    verdict = by_text(truth, answer)
    if verdict.score is not None:
        return verdict
    if judge is not None:
        judged = await judge.judge(question, truth, answer)
        return judged if judged.note else Verdict(judged.score, judged.by, verdict.note)
    ruled = by_rule(answer)
    if ruled is not None:
        return ruled
    return Verdict(None, "nobody", f"{verdict.note}; {NO_JUDGE}" if verdict.note else NO_JUDGE)


async def open_scorer(
    stack: AsyncExitStack,
    judge: Judge | None,
    encode: Encode | None,
    checker_modules: Sequence[str] | None,
) -> Scorer:
    """A scorer that `stack` closes. Without `encode` no similarity, without `checker_modules` no truth."""
    embedder = truth = None
    if encode is not None:
        embedder = Embedder(encode)
        stack.callback(embedder.close)
        # torch takes seconds to load, and holds up every thread while it does: before any clock runs.
        await embedder.similarities([("one", "two")])
    if checker_modules is not None:
        truth = await stack.enter_async_context(TruthTeller(*checker_modules))
        await truth.start()
    return Scorer(judge, embedder, truth)
