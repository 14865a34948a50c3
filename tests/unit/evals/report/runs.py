"""Runs to report on: rows as a bench would write them, with whatever a test wants to be different."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from logicnet.evals.runs.run import Row

HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=alert(1)> [bold]=1+1[/bold]"


def row(target: str = "direct", number: int = 0, **different: Any) -> Row:
    """A decided, wrong answer in time."""
    fields: dict[str, Any] = {
        "target": target,
        "id": f"q{number}",
        "kind": "addition",
        "source": "mathgenerator",
        "question": f"What is {number} + 1?",
        "ground_truth": str(number + 1),
        "answer": "7",
        "reasoning": "One adds the numbers.",
        "process_time": 2.0,
        "scored": True,
        "correctness": 0.0,
        "decided_by": "number",
        "true": False,
        "similarity": 0.5,
        "reward": 0.57,
        "reward_low": 0.57,
        "reward_high": 0.57,
        "tokens": 40,
        "outcome": "solved",
    }
    return Row(**(fields | different))


def write_run(folder: Path, rows: list[Row], **plan: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    about = {"format": 1, "kind": "bench", "challenges": "easy", "seed": 35, "deadline_s": 64.0} | plan
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "rows.jsonl").write_text("".join(one.line() + "\n" for one in rows))
    return folder


def mixed(count: int = 24) -> list[Row]:
    """Two targets on the same questions; `race` is better, some are undecided, silent, late or hostile."""
    rows = []
    for number in range(count):
        kind = ("addition", "lcm", "syllogism")[number % 3]
        right = number % 4 == 0
        earned, more = 0.5 + number / 100, 0.75 + number / 200
        rows.append(
            row(
                "direct",
                number,
                kind=kind,
                correctness=float(right),
                true=right,
                process_time=3.0 + number,
                reward=earned,
                reward_low=earned,
                reward_high=earned,
            )
        )
        open_ = number % 6 == 5
        rows.append(
            row(
                "race",
                number,
                kind=kind,
                correctness=None if open_ else float(number % 3 != 2),
                decided_by="nobody" if open_ else "number",
                true=None if number % 8 == 7 else number % 3 != 2,
                reward=None if open_ else more,
                reward_low=0.3 if open_ else more,
                reward_high=0.9 if open_ else more,
                process_time=9.0 + number / 2,
                question=f"{number} {HOSTILE}",
                answer=HOSTILE,
                reasoning=HOSTILE,
                reference=HOSTILE,
            )
        )
    return rows
