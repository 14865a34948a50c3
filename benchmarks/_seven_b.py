"""Scripted models: what a 7B chat model and a 135M one answer, how long they write, how fast.

Every figure is either published, and says where, or an assumption, and says so.

Qwen2.5-7B-Instruct
    right, one answer   91.6 % on GSM8K, 75.5 % on MATH: its technical report, arXiv:2412.15115
    a vote of k         published for the same model, k = 1, 4, 8, 16, 64 (dataset card of
                        huggingface.co/datasets/O1-OPEN/OpenO1-SFT, "Self-Consistency"):
                        GSM8K 91.21 91.74 91.74 92.12 92.57; MATH 69.74 71.78 72.84 73.78 74.44;
                        some of 2 right, GSM8K: 93.10. `decisive` and `modes` were set so that a vote gains
                        as much here (`python benchmarks/stopping.py --check` puts the two side by side)
    tokens a trace      313 on GSM8K, of its sibling Qwen2.5-14B-Instruct (TokenSkip, arXiv:2502.12067);
                        MATH: 560, assumed. Spread of lengths: assumed. benchmarks/stopping.py tells what half
                        and double the length do
    speed               60 tokens/s alone; n samples at once are each 1 + 0.03 (n - 1) times slower: vLLM with
                        Llama-3.1-8B on an A100 has 6.6 times the throughput with 8 at once, and this 8 / 6.6
                        (johnmusgrave.com/p/vllm-throughput-latency-sweep-on)
SmolLM2-135M-Instruct, easy tasks, two CPU cores
    right               22 % reasoning with worked examples, a vote of 8 25 to 29 %; 33 % by a program, a vote
                        of 8 programs 36 %, some of 8 right 56 %: measured by us
    tokens, speed       assumed; record your own arrivals and replay them
OpenO1-Qwen, the weaker 7B of the same dataset card
    a vote of k         as above: GSM8K 84.31 88.10 88.78 88.93 89.69; MATH 51.40 57.00 60.04 61.72 63.08
Scattered errors
    right               60, 45 and 35 %; a dozen wrong answers, nearly equally likely: assumed, as hard
                        questions have them. "No signal": right traces are no surer than wrong ones
DeepSeek-R1-Distill-Qwen-7B and -1.5B, which think
    right, tokens       MATH-500 90.2 %, 3,674 and 80.6 %, 4,887; AIME 2024 53.5 %, 10,306 and 29.4 %, 12,073;
                        without thinking 80.6, 67.2; 24.2, 14.0 %: AdaptThink, arXiv:2505.13417, table 1. A
                        vote of 64 at AIME 83.3 and 52.7 %: arXiv:2501.12948
    cut thoughts        right with a chance between those two, in proportion to what was thought: assumed
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

RIGHT = "right"
"""The key of the truth. Wrong answers are "wrong 1", "wrong 2", ...; half of them are traps that all
samplers of a question share, the others belong to one sampler and say so."""

FIRST_TOKEN_S = 0.1
MOST_TOKENS = 2048
IN_SHORT_TOKENS = 200  # of a solution that is written after thoughts were cut

_PER_QUESTION = 0.30  # standard deviation of log tokens between questions: assumed
_PER_TRACE = 0.25  # and between traces of one question: assumed


@dataclass(frozen=True, slots=True)
class Sampler:
    """How one way of asking does at a family of questions.

    `right`: mean chance of a right answer. `decisive`: the chances of single questions are Beta-distributed,
    with parameters that sum to this (under 1: most questions are nearly always or nearly never right).
    `modes`: mean number of different wrong answers to a question; the j-th has a weight of j ** -`steep`.
    """

    right: float
    decisive: float
    tokens: float
    modes: float
    steep: float
    silent: float = 0.0
    tells: float = 0.36  # by how many deviations a right trace is surer than a wrong one
    unthought: float | None = None  # of a thinking model: mean chance of a right answer without a thought


@dataclass(frozen=True, slots=True)
class Speed:
    tokens_per_s: float
    slows: float  # by how much one more sampler makes each slower

    def of(self, running: int) -> float:
        """Tokens per second of each of so many."""
        return self.tokens_per_s / self.pace(running)

    def pace(self, running: int) -> float:
        return 1.0 + self.slows * max(running - 1, 0)


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    kind: str
    samplers: Mapping[str, Sampler]
    speed: Speed


CHAT_SPEED = Speed(60.0, 0.03)
CPU_SPEED = Speed(60.0, 0.25)

GSM8K = Family("GSM8K", "story", {"reason": Sampler(0.916, 0.31, 313, 2.0, 1.5)}, CHAT_SPEED)
MATH = Family("MATH", "other", {"reason": Sampler(0.755, 0.50, 560, 3.0, 1.3)}, CHAT_SPEED)
WEAKER_GSM8K = Family("weaker, GSM8K", "story", {"reason": Sampler(0.843, 0.75, 400, 4.0, 0.6)}, CHAT_SPEED)
WEAKER_MATH = Family("weaker, MATH", "other", {"reason": Sampler(0.514, 1.1, 700, 6.0, 0.6)}, CHAT_SPEED)
SCATTERED = [
    Family(
        f"{right:.0%} right, scattered" + ("" if tells else ", no signal"),
        "other",
        {"reason": Sampler(right, 2.0, 560, 12.0, 0.3, tells=tells)},
        CHAT_SPEED,
    )
    for right in (0.60, 0.45, 0.35)
    for tells in (0.36, 0.0)
]
THINKING = [
    Family(
        f"{name} thinking, {task}",
        "other",
        {"reason": Sampler(right, decisive, tokens, 6.0, 0.5, unthought=unthought)},
        speed,
    )
    for name, speed, tasks in (
        ("7B", CHAT_SPEED, (("MATH-500", 0.902, 0.5, 3674, 0.806), ("AIME", 0.535, 0.9, 10306, 0.242))),
        (
            "1.5B",
            Speed(150.0, 0.03),
            (("MATH-500", 0.806, 0.6, 4887, 0.672), ("AIME", 0.294, 0.9, 12073, 0.140)),
        ),
    )
    for task, right, decisive, tokens, unthought in tasks
]
EASY = Family(
    "easy",
    "arithmetic-words",
    {
        "program": Sampler(0.33, 0.75, 60, 6.0, 0.8, silent=0.1),
        "reason": Sampler(0.22, 0.90, 120, 8.0, 0.8, silent=0.05),
    },
    CPU_SPEED,
)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one sampler wrote. `key` is "" if no answer came of it."""

    key: str
    tokens: int
    confidence: float  # mean log-probability per token
    cut_key: str = ""  # the answer if its thoughts are cut before the share `thought` of its tokens
    thought: float = 0.0


@dataclass(frozen=True, slots=True)
class Scripted:
    """One question, and the first traces of each sampler. Every solver gets the same ones."""

    name: str
    family: Family
    traces: Mapping[str, Sequence[Trace]]
    shares: Mapping[str, Mapping[str, float]]  # by sampler, how often each answer would come


def called(question: str, key: str) -> int:
    """The number that solvers see in place of an answer's name.

    A solver breaks ties by the order of names. "right" sorts before "wrong", so names would help it.
    """
    return 100_000 + zlib.crc32(f"{question} {key}".encode()) % 900_000


def questions(
    families: Sequence[Family], seeds: range, *, traces: int = 16, longer: float = 1.0
) -> list[Scripted]:
    """One question of each family per seed. `longer` multiplies all lengths."""
    return [question(family, seed, traces=traces, longer=longer) for seed in seeds for family in families]


def question(family: Family, seed: int, *, traces: int = 16, longer: float = 1.0) -> Scripted:
    chance = random.Random(f"{family.name} {seed}")
    ease, length = chance.gauss(0, 1), chance.gauss(0, _PER_QUESTION)
    sure = chance.gauss(0, 0.05)
    all_traces, shares = {}, {}
    for name, sampler in family.samplers.items():
        right = chance_of_right(sampler, ease, chance)
        wrong = _wrong_answers(sampler, chance)
        keys = [
            f"wrong {place}"
            if chance.random() < 0.5 or len(family.samplers) == 1
            else f"{name} wrong {place}"
            for place in range(1, len(wrong) + 1)
        ]
        odds = _Odds(right, keys, wrong, length, sure)
        all_traces[name] = [_trace(sampler, odds, chance, longer) for _ in range(traces)]
        weights = [b - a for a, b in zip([0.0, *wrong], wrong, strict=False)]
        shares[name] = {key: (1 - right) * weight for key, weight in zip(keys, weights, strict=True)}
        shares[name][RIGHT] = right
    return Scripted(f"{family.name} {seed}", family, all_traces, shares)


def chance_of_right(sampler: Sampler, ease: float, chance: random.Random) -> float:
    """A Beta-distributed chance that goes with the question's `ease` (a rank correlation of about 0.8)."""
    rank = NormalDist().cdf(0.8 * ease + 0.6 * chance.gauss(0, 1))
    return _beta_at(rank, sampler)


def _wrong_answers(sampler: Sampler, chance: random.Random) -> list[float]:
    """Cumulative weights of this question's wrong answers: 1 and a geometric number of others."""
    modes = 1
    while modes < 40 and chance.random() > 1.0 / sampler.modes:
        modes += 1
    weights = [place**-sampler.steep for place in range(1, modes + 1)]
    return [reached / sum(weights) for reached in accumulate(weights)]


@dataclass(frozen=True, slots=True)
class _Odds:
    """Of one sampler at one question: chance of a right answer, wrong ones with their cumulative weights, and
    what all its traces have in common in length and confidence."""

    right: float
    wrong: Sequence[str]
    reached: Sequence[float]
    length: float
    sure: float


def _trace(sampler: Sampler, odds: _Odds, chance: random.Random, longer: float) -> Trace:
    luck = chance.random()
    is_right = luck < odds.right
    drawn, spread, doubt = chance.random(), chance.gauss(0, _PER_TRACE), chance.gauss(0, 1)
    variance = _PER_QUESTION**2 + _PER_TRACE**2
    tokens = sampler.tokens * longer * math.exp(odds.length + spread - variance / 2)
    # By `tells`, 0.36 deviations, a right trace is surer than a wrong one in 6 of 10 pairs: an assumption
    # near what CISC (arXiv:2502.06233) reports for log-probabilities.
    confidence = -0.3 + odds.sure + 0.08 * (doubt + (sampler.tells if is_right else 0.0))
    mode = next((place for place, reached in enumerate(odds.reached) if drawn <= reached), -1)
    silent = not is_right and chance.random() < sampler.silent / (1.0 - sampler.right)
    key = "" if silent else RIGHT if is_right else odds.wrong[mode]
    confidence = min(confidence, 0.0)
    if sampler.unthought is None:
        return Trace(key, max(8, min(round(tokens), MOST_TOKENS)), confidence)
    at_once = odds.right * sampler.unthought / sampler.right
    thought = max(0.0, (luck - at_once) / (odds.right - at_once)) if is_right else 0.0
    return Trace(key, round(tokens), confidence, odds.wrong[mode] if is_right else key, thought)


_STEPS = 2000
_tables: dict[tuple[float, float], list[float]] = {}


def _beta_at(rank: float, sampler: Sampler) -> float:
    """The quantile of Beta(right * decisive, (1 - right) * decisive), from a table of sorted draws."""
    place = (sampler.right, sampler.decisive)
    if place not in _tables:
        chance = random.Random(7)
        a, b = sampler.right * sampler.decisive, (1.0 - sampler.right) * sampler.decisive
        draws = sorted(chance.betavariate(a, b) for _ in range(_STEPS * 20))
        _tables[place] = [draws[step * 20 + 10] for step in range(_STEPS)]
    return _tables[place][min(int(rank * _STEPS), _STEPS - 1)]
