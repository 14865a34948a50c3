"""The demo's ten questions to the running miner, put and scored as `logicnet arena` does: no judge."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from logicnet._util.text import one_line
from logicnet.chain import Signer
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.live_table import LiveTable
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.challenges.mathgenerator import easy_tasks
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.run import Row
from logicnet.ledger import LedgerReader
from logicnet.llm.endpoint import unheard
from logicnet.operate.demo.stage import STAKES
from logicnet.scoring import similarity, truth

COMPUTED = 4
SEED = 35

_STORIES = {
    "A baker fills 6 trays with 12 rolls each and sells 58 of them. How many rolls are left?": "14",
    "Mia is 9 years old. Her brother is twice as old as she is. How old will he be in 4 years?": "22",
    "A bus leaves with 18 people. At the first stop 5 get off and 14 get on. How many are on it then?": "27",
    "Pens cost 3 euros and notebooks cost 5. Tom buys 4 pens and 5 notebooks. How many euros is that?": "37",
    "A tank holds 90 litres and loses 4 litres an hour. How many litres are in it after 6 hours?": "66",
    "Nine friends share 63 cards equally, and Ana loses 2 of hers. How many cards does Ana have?": "5",
}
"""Ours, with their answers; no sentence of them is one that the solver reads."""


def questions() -> list[Problem]:
    """Arithmetic, then stories; the same each time. Raises SettingsError without mathgenerator."""
    stories = [Problem(text, truth, "demo", "story", "story") for text, truth in _STORIES.items()]
    return [*easy_tasks(COMPUTED, seed=SEED), *stories]


QUESTIONS = 10
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
        challenges="four that are computed, six that need the model",
        wire="both",
        stagger_s=STAGGER_S,
        reference_url=models_url if similarity.at_hand() else None,
        truth=truth.at_hand(),
    )


def ask(folder: Path, planned: ArenaPlan, signer: Signer, console: Console) -> list[Row]:
    """Put the questions, show the arena's table, and return what is in `folder` now."""
    problems = questions()
    with RunFolder.begin(folder, planned, ChallengeSet(problems)) as run:
        with LiveTable(run, console) as board, unheard():
            asyncio.run(_fight(run, signer, board))
        if console.is_terminal:
            console.print(board.tables())
        return list(run.rows())


def _unless_interrupted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print what a task raised, but not the interrupt that ended it: that one has been seen."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


async def _fight(run: RunFolder[ArenaPlan], signer: Signer, board: LiveTable) -> None:
    asyncio.get_running_loop().set_exception_handler(_unless_interrupted)
    async with ReplyScorer(run.plan, run.problems) as scorer:
        await Arena(run, signer, scorer, board).run()


Origins = Mapping[str, str]  # by question, "computed" or "model"


def origins(ledger: Path, *, patience_s: float = 10.0) -> Origins:
    """Where the answers came from, by the votes in the miner's ledger, which writes a moment later."""
    end_s = time.monotonic() + patience_s
    while True:
        with LedgerReader.open(ledger) as reader:
            rows = reader.watched(0.0)
        if sum(row["outcome"] is not None for row in rows) >= QUESTIONS or time.monotonic() > end_s:
            break
        time.sleep(0.1)
    return {
        row["question"]: "computed" if row["exact"] and row["exact"] == row["chosen"] else "model"
        for row in rows
    }


def right_by_origin(rows: Sequence[Row], found: Origins) -> str:
    """How many answers were computed and how many the model gave, and how many of each are right."""
    said = []
    for origin, words in (("computed", "computed without the model"), ("model", "left to the model")):
        part = [row for row in rows if found.get(row.question) == origin]
        said.append(f"{len(part)} {words}, {sum(row.true is True for row in part)} of them right")
    return "; ".join(said)


def line(row: Row, origin: str = "-") -> str:
    """Wire, seconds, the answer's origin, the answer and whether it is right, and the question."""
    answer = one_line(f"({row.error})" if row.answer is None else row.answer, _LONGEST_ANSWER)
    verdict = {True: "right", False: f"wrong, it is {row.ground_truth}", None: "-"}[row.true]
    seconds = "-" if row.process_time is None else f"{row.process_time:.1f} s"
    return (
        f"  {row.wire:<7} {seconds:>6}  {origin:<8}  {answer:<{_LONGEST_ANSWER}}  {verdict:<17}"
        f"  {readable(row.question)}"
    )


def readable(question: str) -> str:
    """Without the LaTeX of easy arithmetic. For a terminal alone: miners get it as it is."""
    for latex, sign in _LATEX.items():
        question = question.replace(latex, sign)
    return one_line(question)


def left_open(planned: ArenaPlan) -> str:
    """What was not scored, and why."""
    said = "No judge was asked: what arithmetic cannot decide stays undecided."
    if planned.reference is None:
        said += (
            " So does similarity: comparing reasonings needs PyTorch, which the demo does not install "
            "(pip install 'logicnet[scoring]' does)."
        )
    else:
        said += " Reasonings were compared with what the same small model writes when it is simply asked."
    return f"{said} A reward that hangs on it is shown from the worst to the best that it can be."
