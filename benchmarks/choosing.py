"""Which answer to send: what the race sends, against the elected and the likeliest, on recorded votes.

    python benchmarks/choosing.py RUN...  # folders that `logicnet bench` wrote

The votes of each question are read again, and three answers are chosen from them: the elected one, the one
that is likeliest under the posterior, and the one that the race sends (`solver/race/choosing.py`). All are
scored as a validator scores numbers; a question that only a judge can decide is left out. Trust is learned in
the order of the rows, from the priors that `--priors` names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _results import interval

from logicnet.scoring.scorer import correctness
from logicnet.solver.race.choosing import chosen
from logicnet.solver.race.trust import CHAT, WEAK, Trust, Vote
from logicnet.solver.race.votes import posterior
from logicnet.votelog import read_vote_log

RULES = ("elected", "likeliest", "sent")


def choices(rows: list[dict[str, Any]], trust: Trust) -> Iterator[tuple[dict[str, Any], Mapping[str, str]]]:
    """Each row that has votes, with the text of the answer that each rule chooses."""
    for row in rows:
        log = read_vote_log(row.get("trail"))
        if log is None or not any(vote.key for vote in log.votes):
            continue
        votes = [Vote(vote.sampler, vote.key, vote.confidence) for vote in log.votes]
        texts = {vote.key: vote.text for vote in reversed(log.votes) if vote.key}
        found = posterior(votes, trust, log.kind)
        likeliest = max(found.of, key=lambda key: found.of[key])
        sent = chosen(votes, texts, trust, log.kind)
        trust.learn(votes, found.of, log.kind)
        yield row, {rule: texts[key] for rule, key in zip(RULES, (found.best, likeliest, sent), strict=True)}


async def scores(row: Mapping[str, Any], texts: Mapping[str, str]) -> list[float] | None:
    """The validator's correctness of each rule's answer; None if one of them is undecided."""
    verdicts = [await correctness(str(row["ground_truth"]), texts[rule]) for rule in RULES]
    found = [verdict.score for verdict in verdicts if verdict.score is not None]
    return found if len(found) == len(RULES) else None


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--target", default="race", help="part of a solver's name (default race)")
    parser.add_argument("--priors", choices=("weak", "chat"), default="weak")
    asked = parser.parse_args()
    for run in asked.runs:
        lines = (run / "rows.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [row for line in lines if line and asked.target in str((row := json.loads(line))["target"])]
        found, differ = [], 0
        for row, texts in choices(rows, Trust((), WEAK if asked.priors == "weak" else CHAT)):
            if (scored := await scores(row, texts)) is not None:
                found.append(scored)
                differ += len(set(texts.values())) > 1
        if not found:
            parser.error(f"{run}: no row of {asked.target!r} has votes that can be scored")
        table = np.array(found)
        print(f"{run}: {len(table)} questions, {differ} on which the rules differ")
        for place, rule in enumerate(RULES):
            gained = table[:, -1] - table[:, place]
            low, high = interval(gained)
            mean = f"{gained.mean():+.4f} ({low:+.4f} to {high:+.4f})"
            print(f"  {rule:<9} correctness {table[:, place].mean():.4f}; sent - it {mean}")


if __name__ == "__main__":
    asyncio.run(main())
