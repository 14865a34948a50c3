"""STAND-IN until logicnet.challenges reads and writes sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from logicnet.challenges.problem import Check, Problem
from logicnet.scoring import Checker


def load_problems(given: str) -> Sequence[Problem]:
    return read_set(Path(given))


def write_set(path: Path, problems: Iterable[Problem]) -> None:
    path.write_text("".join(json.dumps(asdict(problem)) + "\n" for problem in problems))


def read_set(path: Path) -> list[Problem]:
    problems = []
    for line in path.read_text().splitlines():
        fields = json.loads(line)
        if fields.get("check"):
            fields["check"] = Check(**fields["check"])
        problems.append(Problem(**fields))
    return problems


def checker_of(problem: Problem) -> Checker | None:
    return None


def checker_modules(problems: Sequence[Problem]) -> tuple[str, ...]:
    return ()
