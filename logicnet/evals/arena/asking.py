"""One question to one target: what is sent, and its row."""

from __future__ import annotations

import random
from dataclasses import replace

from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.information import in_words
from logicnet.evals.arena.plan import ArenaPlan, Target
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.folder import Intent
from logicnet.evals.runs.row import LONGEST_TEXT, Row, stored
from logicnet.evals.runs.score import Mark, marked_row, row_of
from logicnet.scoring.rhythm import SCORED_SHARE


def is_scored(plan: ArenaPlan, target: Target, problem: Problem) -> bool:
    """Whether it is in the scored half: a coin per question and target, the same in each run."""
    if plan.score == "all":
        return True
    # Not for secrets. A text as seed is hashed with SHA-512, so the coin falls alike everywhere.
    return random.Random(f"{plan.seed} {target.hotkey} {problem.id}").random() < SCORED_SHARE  # noqa: S311


def asked_row(plan: ArenaPlan, target: Target, problem: Problem, intent: Intent) -> Row:
    """What is known before there is a reply."""
    return row_of(
        problem,
        target=target.name,
        hotkey=target.hotkey,
        solver=target.label,
        round=intent.round,
        wire=intent.wire,
        asked_at=intent.at_s,
        timeout=plan.timeout_s,
    )


def answered_row(row: Row, reply: MinerReply, task_uid: str) -> Row:
    """`row` with the reply."""
    if not reply.success:
        return replace(row, status=reply.status, process_time=reply.seconds, error=in_words(reply))
    answer, reasoning = reply.answer, reply.reasoning
    notes = [
        f"{what} of {len(text)} characters, kept are {LONGEST_TEXT}"
        for what, text in (("answer", answer), ("reasoning", reasoning))
        if len(text) > LONGEST_TEXT
    ]
    return replace(
        row,
        status=reply.status,
        process_time=reply.seconds,
        answer=stored(answer),
        reasoning=stored(reasoning),
        error=_mismatch(reply, row.question, task_uid),
        note="; ".join(notes),
    )


def scored_row(row: Row, mark: Mark, epoch_volume: int) -> Row:
    """`row` with its scores."""
    undecided = row.answer is not None and mark.similarity is None
    note = "similarity undecided: nobody wrote a reference" if undecided else ""
    return replace(marked_row(row, mark, note), epoch_volume=epoch_volume)


def _mismatch(reply: MinerReply, question: str, task_uid: str) -> str:
    """A Dendrite and a validator ignore what is echoed: the reply is scored, and the row notes it."""
    for name, sent in (("logic_question", question), ("task_uid", task_uid)):
        echoed = reply.fields.get(name)
        if echoed is not None and str(echoed).strip() != sent.strip():
            return f"the reply is to another question: it echoes another {name}"
    return ""
