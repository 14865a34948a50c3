"""Ten questions to the running miner, as `logicnet arena` puts and scores them: both wires, no judge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from logicnet._util.text import one_line
from logicnet.chain import Signer
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.live_table import LiveTable
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.challenges import ChallengeSet, easy_tasks
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.row import Row
from logicnet.llm.reach import unheard
from logicnet.operate.demo.stage import STAKES
from logicnet.scoring import similarity, truth

QUESTIONS = 10
SEED = 35
STAGGER_S = 1.0  # between the lanes; a validator's 4 s would only make one wait

VALIDATOR = "alice"
MINER = "race"  # what tables call it: its solver

_LONGEST_ANSWER = 24  # characters that are shown; a good one is far shorter
_LATEX = {r"\cdot": " × ", r"\times": " × ", r"\div": " ÷ ", "$": ""}  # noqa: RUF001 (a cross, no x)


def plan(keys: Mapping[str, Signer], address: str, models_url: str) -> ArenaPlan:
    """One round against the miner at `address`; both wires take turns."""
    return ArenaPlan(
        target=(address,),
        hotkey=(keys["miner"].ss58_address,),
        label=(MINER,),
        validator=keys[VALIDATOR].ss58_address,
        stakes={keys[name].ss58_address: stake for name, stake in STAKES.items()},
        challenges=f"{QUESTIONS} easy ones of mathgenerator, seed {SEED}",
        wire="both",
        stagger_s=STAGGER_S,
        reference_url=models_url if similarity.at_hand() else None,
        truth=truth.at_hand(),
    )


def ask(folder: Path, planned: ArenaPlan, signer: Signer, console: Console) -> list[Row]:
    """Put the questions, show the arena's table, and return what is in `folder` now."""
    problems = easy_tasks(QUESTIONS, seed=SEED)
    with RunFolder.begin(folder, planned, ChallengeSet(problems)) as run:
        with LineByLine(run, console) as board, unheard():
            asyncio.run(_fight(run, signer, board))
        if console.is_terminal:
            console.print(board.tables())
        return list(run.rows())


async def _fight(run: RunFolder[ArenaPlan], signer: Signer, board: LiveTable) -> None:
    async with ReplyScorer(run.plan, run.problems) as scorer:
        await Arena(run, signer, scorer, board).run()


class LineByLine(LiveTable):
    """The arena's board, and a line for each answer: ten are few enough to be read."""

    def row(self, row: Row) -> None:
        super().row(row)
        self.say(line(row), whole=False)


def line(row: Row) -> str:
    """Wire, seconds, the answer and whether it is right, and what was asked."""
    answer = one_line(f"({row.error})" if row.answer is None else row.answer)
    if len(answer) > _LONGEST_ANSWER:
        answer = answer[: _LONGEST_ANSWER - 3] + "..."
    verdict = {True: "right", False: f"wrong, it is {row.ground_truth}", None: "-"}[row.true]
    seconds = "-" if row.process_time is None else f"{row.process_time:.1f} s"
    return (
        f"  {row.wire:<7} {seconds:>6}  {answer:<{_LONGEST_ANSWER}}  {verdict:<17}  {readable(row.question)}"
    )


def readable(question: str) -> str:
    """Without the LaTeX of easy arithmetic. For a terminal alone: miners get it as it is."""
    for latex, sign in _LATEX.items():
        question = question.replace(latex, sign)
    return one_line(question)


def left_open(planned: ArenaPlan) -> str:
    """What was not scored, in plain words."""
    said = "No judge was asked: what arithmetic cannot decide stays undecided."
    if planned.reference is None:
        said += (
            " So does similarity: comparing reasonings needs PyTorch, which the demo does not install "
            "(pip install 'logicnet[scoring]' does)."
        )
    else:
        said += " Reasonings were compared with what the same small model writes when it is simply asked."
    return f"{said} A reward that hangs on it is shown from the worst to the best that it can be."
