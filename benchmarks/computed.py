"""How many questions `race` computes without a model, and how many of those are right.

    python benchmarks/computed.py gsm8k.jsonl recipes/held_out.toml

Takes recipes, sets and files of questions, as `logicnet bench --challenges` does. Needs no model server.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from logicnet.evals.bench.plan import load_questions
from logicnet.evals.challenges.checks import checker_modules, checker_of
from logicnet.scoring.truth import TruthTeller
from logicnet.solver.race.exact import Exact


async def count(path: Path, questions: int | None) -> tuple[int, int, int]:
    """Questions, those that are computed, those of them that are right."""
    problems = load_questions(path, questions, None, skip_bad=True).problems
    computed = right = 0
    async with Exact() as exact, TruthTeller(*checker_modules(problems)) as teller:
        await exact.start()
        for problem in problems:
            solution = await exact.solve(problem.asked)
            if solution is None:
                continue
            computed += 1
            told = await teller.tell(problem.truth, solution.answer, checker_of(problem))
            right += told.right is True
            if not told.right:
                print(f"  not right: {problem.asked!r}: {solution.answer}, the truth is {problem.truth}")
    return len(problems), computed, right


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--n", type=int, help="questions of each file; default: all")
    asked = parser.parse_args()
    for path in asked.files:
        questions, computed, right = await count(path, asked.n)
        print(f"{path}: {questions} questions, {computed} computed, {right} of those right")


if __name__ == "__main__":
    asyncio.run(main())
