"""Recordings of samplers, read as questions that policies can play.

Of a bench's folder, the vote logs of its rows are read: which samplers ended, when, and what they said. Other
recordings are JSONL, one object for each sampler that ended, in the order in which samplers were started:

    {"question": "17", "kind": "story", "lane": "reason", "seconds": 4.2, "key": "72", "right": true,
     "confidence": -0.21}

`seconds` are since the challenge began; `key` is the answer's normal form, "" for none; `confidence`, the
mean log-probability per token, may be left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _seven_b import FIRST_TOKEN_S, RIGHT, Family, Sampler, Scripted, Speed, Trace

from logicnet.answers import normal_form
from logicnet.votelog import read_vote_log


def recorded(path: Path) -> dict[str, list[Scripted]]:
    """Questions of a recording, each with the samplers that it had; of a bench's folder, by who answered."""
    if path.is_dir():
        return _of_bench(path / "rows.jsonl")
    by_question: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in _lines(path):
        by_question[str(line["question"])].append(line)
    return {path.stem: [_recorded(name, str(rows[0]["kind"]), rows) for name, rows in by_question.items()]}


def _of_bench(path: Path) -> dict[str, list[Scripted]]:
    found: dict[str, list[Scripted]] = defaultdict(list)
    for row in _lines(path):
        vote_log = read_vote_log(row.get("trail"))
        if vote_log is None or not vote_log.votes:
            continue
        truth = normal_form(str(row["ground_truth"]), str(row["raw_question"]))
        right = {truth.key} if truth is not None else set()
        if row.get("true"):
            right.add(vote_log.chosen)
        samplers = [
            {**asdict(vote), "lane": vote.sampler, "right": bool(vote.key) and vote.key in right}
            for vote in vote_log.votes
        ]
        found[str(row["target"])].append(_recorded(f"{row['id']} {row['round']}", vote_log.kind, samplers))
    if not found:
        raise ValueError("no row has a vote log")
    return found


_PER_S = 1000.0
"""Tokens per second of a replay: a trace is as long as it took."""


def _recorded(name: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> Scripted:
    traces: dict[str, list[Trace]] = defaultdict(list)
    for row in rows:
        key = RIGHT if row["right"] else str(row["key"])
        tokens = max(0, round((float(row["seconds"]) - FIRST_TOKEN_S) * _PER_S))
        confidence = row.get("confidence")
        traces[str(row["lane"])].append(
            Trace(key, tokens, float("nan") if confidence is None else float(confidence))
        )
    samplers = {sampler: Sampler(0.5, 1.0, 0, 1, 1) for sampler in traces}
    return Scripted(name, Family("recorded", kind, samplers, Speed(_PER_S, 0.0)), dict(traces), {})


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
