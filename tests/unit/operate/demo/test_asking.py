"""The demo's questions, put to a scripted miner over real sockets."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from anyio.from_thread import start_blocking_portal
from rich.console import Console

from logicnet.evals.report import page
from logicnet.evals.report import write as report
from logicnet.evals.runs.run import Row
from logicnet.ledger import Ledger
from logicnet.operate.demo.asking import (
    MINER,
    ask,
    left_open,
    line,
    origins,
    plan,
    questions,
    readable,
    right_by_origin,
)
from logicnet.operate.demo.stage import STAKES, hotkey
from logicnet.scoring import similarity
from logicnet.solver.race.exact import Exact
from logicnet.votelog import SamplerVote, VoteLog
from tests.harness.scripted_miner import ScriptedMiner
from tests.unit.ledger.facts import admitted, answered, epoch


@pytest.fixture
def keys(tmp_path):
    return {name: hotkey(tmp_path / "wallets", name) for name in ("miner", *STAKES)}


@pytest.fixture
def miner(keys) -> Iterator[ScriptedMiner]:
    """Serves from a thread of its own, since the demo has an event loop of its own."""
    miner = ScriptedMiner(keys["miner"], answer="14")
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        served: AbstractContextManager[object] = portal.wrap_async_context_manager(miner)
        stack.enter_context(served)
        yield miner


def row(**different: object) -> Row:
    fields = {"target": "direct", "id": "1", "question": r"What is $9\cdot2$?", "ground_truth": "18"}
    return Row(**(fields | {"wire": "btauth", "answer": "18", "process_time": 2.34} | different))


@pytest.mark.thorough
def test_ten_questions_over_both_wires_end_in_the_arenas_table_and_a_report(
    keys, miner, tmp_path, monkeypatch, patient_truth
):
    monkeypatch.setattr("logicnet.operate.demo.asking.STAGGER_S", 0.0)
    monkeypatch.setattr(similarity, "at_hand", lambda: False)
    monkeypatch.setattr(page, "_library", lambda: "")  # half a second, and drawn by nobody here
    console = Console(file=io.StringIO(), width=120)
    planned = plan(keys, miner.address, "http://127.0.0.1:1/v1")
    rows = ask(tmp_path / "run", planned, keys["alice"], console)
    report.run(tmp_path / "run", console=console)
    assert len(rows) == 10
    assert sorted(row.wire for row in rows) == ["btauth"] * 5 + ["classic"] * 5
    assert {row.target for row in rows} == {MINER}
    assert all(row.true is (row.ground_truth == "14") for row in rows)
    assert all(row.correctness is not None and row.similarity is None for row in rows)
    assert [row.decided_by for row in rows if row.true] == ["equal"]
    said = console.file.getvalue()
    assert all(len(one) <= 120 for one in said.splitlines() if not one.startswith(("Pictures", "Every row")))
    tables = [one.split() for one in said.splitlines() if one.split()[:1] == ["race"]]
    assert tables[0][1:4] == ["10", "10", "10"]  # asked, answered, scored
    assert tables[1][2:] == ["1", "0.975", "1.000"]  # rank, incentive, weight
    assert "report.html" in said
    assert (tmp_path / "run" / "report.html").exists()


def test_what_is_left_open_is_said_in_plain_words(keys, monkeypatch):
    monkeypatch.setattr(similarity, "at_hand", lambda: False)
    assert "needs PyTorch" in left_open(plan(keys, "127.0.0.1:1", "http://127.0.0.1:2/v1"))
    monkeypatch.setattr(similarity, "at_hand", lambda: True)
    planned = plan(keys, "127.0.0.1:1", "http://127.0.0.1:2/v1")
    assert planned.reference is not None
    assert "PyTorch" not in left_open(planned)


def test_a_line_for_each_answer():
    shown = " ".join(line(row(true=True)).split())
    assert shown == "btauth 2.3 s - 18 right What is 9 × 2?"  # noqa: RUF001
    assert "wrong, it is 18" in line(row(true=False, answer="[b]" + "x" * 500))
    assert line(row(answer="a\nb\x1b[31m")).split()[4:7] == ["a", "b", "[31m"]
    refused = line(row(answer=None, error="no reply within 64 s", process_time=None))
    assert "(no reply within 64 s)" in refused


def test_computed_answers_and_the_models_are_counted_apart(tmp_path):
    asked = ["What is 2+2?", "How many pens?"]
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        for number, (question, sampler) in enumerate(zip(asked, ("exact", "reason"), strict=True)):
            ledger.record(admitted(str(number), epoch(1), question=question))
            votes = (SamplerVote(sampler, "number:4"),)
            ledger.record(answered(str(number), vote_log=VoteLog("sum", votes, "number:4")))
    found = origins(tmp_path / "ledger.sqlite", patience_s=0.0)
    assert found == dict(zip(asked, ("computed", "model"), strict=True))
    rows = [row(question=asked[0], true=True), row(question=asked[1], true=False)]
    assert right_by_origin(rows, found) == (
        "1 computed without the model, 1 of them right; 1 left to the model, 0 of them right"
    )


async def test_six_of_ten_questions_need_the_model():
    async with Exact() as exact:
        solved = [await exact.solve(one.question) for one in questions()]
    assert [found and found.answer for found in solved[:4]] == [one.truth for one in questions()[:4]]
    assert solved[4:] == [None] * 6


def test_easy_arithmetic_is_shown_without_its_latex():
    assert readable(r"What is $117\div9$?") == "What is 117 ÷ 9?"
