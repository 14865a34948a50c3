"""How fast answers are scored: numbers, expressions, unknowns, math-verify, and embeddings cold and warm.

    python benchmarks/scoring.py [--answers 1000] [--rounds 5] [--numeric-only]

Numbers are "the truth is 42, the answer says 41"; expressions are fractions; unknowns go through sympy.
Each kind is scored in `--rounds` rounds, and the median, worst and best round are shown in answers a
second. Embeddings compare reasonings of some 200 tokens with references of the same length, all
different: cold is the first batch in a fresh process, with torch and the model still to be loaded; warm
is the second, with other texts. They need `pip install 'logicnet[scoring]'` and the model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable

from logicnet.scoring.correctness import by_text
from logicnet.scoring.scorer import ScoredInput, Scorer
from logicnet.scoring.similarity import Embedder, MiniLM
from logicnet.scoring.truth import TruthTeller

SENTENCE = (
    "first we add the two numbers then divide by seven which leaves a remainder so that the sum of all "
    "angles must be equal to one hundred and eighty degrees and therefore each side is twice as long"
)
TOKENS = 200  # of one reasoning; each word is one token

Pair = tuple[str, str]


def pairs_of(kind: str, count: int) -> list[Pair]:
    make: dict[str, Callable[[int], Pair]] = {
        "numbers": lambda n: (str(n + 7), f"The answer is {n}."),
        "expressions": lambda n: (f"{n}/7", f"{n}.0/(6+1)"),
        "unknowns": lambda n: (f"{n}*x + 3", f"3 + x*{n}"),
    }
    return [make[kind](n) for n in range(count)]


def rate(pairs: list[Pair]) -> float:
    """Answers a second."""
    began_s = time.perf_counter()
    for truth, answer in pairs:
        by_text(truth, answer)
    return len(pairs) / (time.perf_counter() - began_s)


def text_of(rng: random.Random) -> str:
    words = SENTENCE.split()
    return " ".join(rng.choice(words) for _ in range(TOKENS))


async def embedding_seconds(count: int) -> tuple[float, float]:
    rng = random.Random(35)
    embedder = Embedder(MiniLM())
    took: list[float] = []
    for _ in range(2):
        replies = [
            ScoredInput(str(n), str(n), reasoning=text_of(rng), reference=text_of(rng), process_time_s=1.0)
            for n in range(count)
        ]
        began_s = time.perf_counter()
        scores = await Scorer(embedder=embedder).score(replies)
        took.append(time.perf_counter() - began_s)
        assert all(score.reward.value is not None and not score.notes for score in scores)
    embedder.close()
    return took[0], took[1]


async def truth_rate(count: int) -> float:
    async with TruthTeller() as teller:
        await teller.start()
        began_s = time.perf_counter()
        for n in range(count):
            await teller.tell(str(n), f"The answer is {n}.")
        return count / (time.perf_counter() - began_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--numeric-only", action="store_true")
    options = parser.parse_args()
    found: dict[str, object] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "answers": options.answers,
    }
    for kind in ("numbers", "expressions", "unknowns"):
        pairs = pairs_of(kind, options.answers)
        rate(pairs[:1])  # sympy loads with the first unknown
        rates = [rate(pairs) for _ in range(options.rounds)]
        found[f"{kind}_per_s"] = [round(f(rates)) for f in (statistics.median, min, max)]
    if not options.numeric_only:
        found["truth_per_s"] = round(asyncio.run(truth_rate(options.answers)))
        cold_s, warm_s = asyncio.run(embedding_seconds(options.answers))
        found |= {"embeddings_cold_s": round(cold_s, 1), "embeddings_warm_s": round(warm_s, 1)}
        found["embeddings_warm_per_s"] = round(options.answers / warm_s, 1)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
