"""How much a model writes for a challenge, how often it is right within a budget, and what that earns.

The reward is the validator's formula (`logicnet.scoring.reward`). A wrong answer counts as one of correctness
0, and a vote over several texts as no better than one text: in truth both are a little better, for any model.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

from logicnet.operate.serving.catalogue import Accuracy, Model, Precision, Question
from logicnet.scoring.reward import reward_of, with_volume
from logicnet.solver.race.profiles import load_profiles, profile_for

MIX: Mapping[Question, float] = {"gsm8k": 0.4, "math": 0.4, "logic": 0.2}
"""The questions of a validator: mathematics, of school and harder, before logic."""

_LENGTH: Mapping[Question, float] = {"gsm8k": 0.42, "math": 1.0, "logic": 1.5}
"""Of texts, relative to MATH-500: GSM8K as of Qwen3-14B and R1-Distill-Qwen-7B in arXiv:2504.15895; logic is
estimated."""

_SPREAD = {False: 0.5, True: 0.8}
"""Standard deviation of the logarithm of a text's length, without thinking and with it (estimated)."""

_CONCLUDED = 0.5
"""Accuracy of texts that are cut off half way or later and concluded, as a share of that of whole texts; less
before (estimated)."""

_SIMILARITY = 0.7  # of our replies to the validator's own text, at the low end of what was measured

_RECOVERED: Mapping[Precision, float] = {"full": 1.0, "mxfp4": 1.0, "fp8": 0.995}
_RECOVERED_INTEGERS = 0.98
"""Share of the accuracy in 16 bits. 8-bit floats lose next to nothing, integers 1 to 3 %: arXiv:2411.02355.
The makers of a model in MXFP4 measured it as it is."""


@dataclass(frozen=True)
class Workload:
    """What one challenge takes: `texts` generated at once after the same prompt.

    Each has `tokens` on average (on MATH-500), and at most `cap`.
    """

    texts: int = 5
    tokens: int = 700
    cap: int = 1024
    thinks: bool = False
    prompt: int = 600
    within_s: float = 50.0  # of the 64 s that a validator waits

    def budget(self, tokens_per_s: float) -> float:
        return min(self.cap, tokens_per_s * self.within_s)

    @cached_property
    def _lengths(self) -> Mapping[Question, NormalDist]:
        """Of the logarithms."""
        spread = _SPREAD[self.thinks]
        return {
            question: NormalDist(math.log(self.tokens * length) - spread**2 / 2, spread)
            for question, length in _LENGTH.items()
        }

    def finished(self, budget: float) -> Mapping[Question, float]:
        """The share of texts that end within `budget` tokens."""
        return {question: dist.cdf(math.log(budget)) for question, dist in self._lengths.items()}

    def kept(self, budget: float) -> Mapping[Question, float]:
        """The share of the accuracy that is left with texts of at most `budget` tokens."""
        finished = self.finished(budget)
        return {
            question: share
            + (1 - share) * _CONCLUDED * min(1.0, budget / math.exp(self._lengths[question].mean))
            for question, share in finished.items()
        }

    def whole(self, budget: float) -> float:
        """The share of texts that end by themselves."""
        return sum(MIX[question] * share for question, share in self.finished(budget).items())

    def written(self, budget: float) -> float:
        """The mean length of a text, which ends at `budget`."""
        cut = math.log(budget)
        return sum(
            MIX[question]
            * (
                math.exp(dist.mean + dist.variance / 2) * dist.cdf(cut - dist.variance)
                + budget * (1 - dist.cdf(cut))
            )
            for question, dist in self._lengths.items()
        )


TEXTS_UNDER_LOAD = {False: 5, True: 4}
"""Without thinking and with it. The race begins as many texts as there is room for; a plan is for a server
that has little left."""


def workload(model: Model, *, thinks: bool) -> Workload:
    """As the solver `race` asks the model: its profile says how many texts, of how many tokens."""
    profile = profile_for(model.name.rstrip("/").rpartition("/")[2], load_profiles(), thinks)
    accuracy = model.accuracy(thinks)
    usual = 4500 if thinks else min(700, profile.reason.max_tokens)
    return Workload(
        min(TEXTS_UNDER_LOAD[thinks], profile.reason.samples + profile.program.samples),
        accuracy.tokens if accuracy else usual,
        profile.reason.max_tokens,
        thinks,
    )


UNKNOWN = Accuracy(gsm8k=50.0, math=50.0, logic=50.0, source="none")
"""Stands in for accuracies that nobody has published, to compare the ways to serve one model."""


def correctness(accuracy: Accuracy, precision: Precision, load: Workload, budget: float) -> float:
    """The share of right answers, when a text may have `budget` tokens."""
    kept = load.kept(budget)
    right: float = sum(
        share * getattr(accuracy, question) / 100 * kept[question] for question, share in MIX.items()
    )
    return right * _RECOVERED.get(precision, _RECOVERED_INTEGERS)


def expected_reward(right: float, seconds: float, volume: int) -> float:
    return with_volume(reward_of(right, _SIMILARITY, seconds), volume)
