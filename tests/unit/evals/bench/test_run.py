"""The whole bench in one process, against a scripted model server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from logicnet.cli import main
from logicnet.errors import LogicnetError, ModelError, SettingsError
from logicnet.evals.bench.plan import BenchPlan
from logicnet.evals.bench.run import run
from logicnet.evals.report import page
from logicnet.evals.runs.run import INTERRUPTED, BadRun, Row, read_rows
from tests.harness.scripted_model import Mode, ScriptedModel

pytestmark = [pytest.mark.usefixtures("patient_truth"), pytest.mark.thorough]

ROOT = Path(__file__).parents[4]
PLAIN = str(ROOT / "examples" / "solvers" / "plain_call.py")


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(page, "_library", lambda: "")


def options(server: ScriptedModel, out: Path, **different: object) -> BenchPlan:
    fields = {"solvers": ["direct", PLAIN], "endpoint": server.base_url, "key": "s3cret", "out": out}
    fields |= {"questions": 5, "seed": 1, "similarity": False, "concurrency": 2}
    return BenchPlan.parse(fields | different)


async def test_the_same_questions_to_all_and_a_report_at_the_end(tmp_path, capfd):
    async with ScriptedModel() as server:
        assert await asyncio.to_thread(run, options(server, tmp_path / "run")) == 0
    rows = list(read_rows(tmp_path / "run" / "rows.jsonl"))
    by_solver = {name: [row.id for row in rows if row.target == name] for name in ("direct", "plain_call")}
    assert by_solver["direct"] == by_solver["plain_call"]
    assert len(set(by_solver["direct"])) == 5
    assert len(rows) == 10
    # In heats of two: both questions to one solver, then both to the other, who begins the next heat.
    assert [row.target[0] for row in rows] == list("ddppppdddp")
    assert {row.outcome for row in rows} == {"solved"}
    assert (tmp_path / "run" / "report.html").stat().st_size > 5_000
    plan = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (plan["kind"], plan["solvers"], plan["questions"]) == ("bench", ["direct", PLAIN], 5)
    said = capfd.readouterr()
    assert "direct - plain_call" in said.out
    assert "5 of 5 questions answered by each of 2" in said.err
    assert "s3cret" not in said.out + said.err + (tmp_path / "run" / "run.json").read_text()


CURIOUS = """
from logicnet.protocol import Answer


class Curious:
    def __init__(self, model):
        self.model = model

    @classmethod
    def from_setup(cls, setup):
        return cls(setup.model)

    async def solve(self, challenge, deadline, models):
        return Answer("I was told.", str(self.model))
"""


@pytest.mark.parametrize("named", [None, "scripted"])
async def test_solvers_are_built_for_the_model_that_is_served(tmp_path, named):
    (tmp_path / "curious.py").write_text(CURIOUS)
    async with ScriptedModel() as server:
        curious = options(server, tmp_path / "run", solvers=[str(tmp_path / "curious.py")], model=named)
        assert await asyncio.to_thread(run, curious) == 0
    assert {row.answer for row in rows_of(tmp_path / "run")} == {"scripted"}


async def test_a_judge_decides_what_arithmetic_cannot(tmp_path):
    def text(body: dict) -> str:
        asked = body["messages"][-1]["content"]
        if "steer the grader" in asked:
            return "no"
        return "0.75" if "Grade from 0 to 1" in asked else "The answer is a mystery."

    async with ScriptedModel(text=text) as server:
        judged = options(server, tmp_path / "run", judge_url=server.base_url, solvers=[PLAIN])
        assert await asyncio.to_thread(run, judged) == 0
    rows = list(read_rows(tmp_path / "run" / "rows.jsonl"))
    assert {(row.correctness, row.decided_by) for row in rows} == {(0.75, "judge")}


async def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    async with ScriptedModel() as server:
        with pytest.raises(SettingsError, match=r"there is a run in .* already: continue it with --resume"):
            await asyncio.to_thread(run, options(server, tmp_path))
    assert (tmp_path / "run.json").read_text() == "{}"


@pytest.mark.parametrize("role", ["endpoint", "judge_url"])
async def test_a_model_that_is_down_is_said_before_anything_is_asked(tmp_path, role):
    async with ScriptedModel() as server, ScriptedModel(mode=Mode.ERROR_500) as broken:
        with pytest.raises(ModelError, match=f"the {role[:5]}\\w* does not answer") as error:
            await asyncio.to_thread(run, options(server, tmp_path, **{role: broken.base_url}))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run.json").exists()  # so the same folder can be named again


async def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    async with ScriptedModel() as server:
        with pytest.raises(SettingsError, match="cannot write to"):
            await asyncio.to_thread(run, options(server, tmp_path / "file" / "run"))


async def test_without_what_embeds_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    async with ScriptedModel() as server:
        with pytest.raises(LogicnetError, match=r"sentence-transformers: .*; --no-similarity goes without"):
            await asyncio.to_thread(run, options(server, tmp_path, similarity=True))
        assert server.chats == []


def rows_of(out: Path) -> list[Row]:
    return list(read_rows(out / "rows.jsonl"))


def asked(server: ScriptedModel, rows: Sequence[Row]) -> Counter[str]:
    """How often each question came: the plain call sends its bare words and nothing else."""
    said = Counter(chat["messages"][-1]["content"] for chat in server.chats)
    return Counter({row.question: said[row.question] for row in rows})


def bench(server: ScriptedModel, out: Path, *words: str) -> subprocess.Popen[str]:
    """With questions of a file: the generator of others takes two seconds to import."""
    file = out.with_name("questions.jsonl")
    asked = [{"question": f"What is {number} + 1?", "answer": str(number + 1)} for number in range(8)]
    file.write_text("".join(json.dumps(one) + "\n" for one in asked))
    argv = [sys.executable, "-m", "logicnet", "bench", "--endpoint", server.base_url, "--out", str(out)]
    argv += ["--challenges", str(file), "--seed", "1", "--concurrency", "2", "--no-similarity", *words]
    return subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.thorough
async def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path):
    out = tmp_path / "run"
    # The first chat is the look whether anybody is there.
    async with ScriptedModel(mode=lambda number: Mode.HANG_IN_TEXT if number > 4 else Mode.NORMAL) as server:
        process = bench(server, out, "--solvers", PLAIN, "--n", "8")
        await until(lambda: len(server.chats) == 7)
        process.kill()
        await asyncio.to_thread(process.communicate)
        kept = rows_of(out)
        assert len(kept) == 4 and all(row.scored for row in kept)

        server.mode = Mode.NORMAL
        assert await asyncio.to_thread(run, BenchPlan(out=out, resume=True)) == 0
        rows = rows_of(out)
        assert rows[:4] == kept
        assert len({row.id for row in rows}) == len(rows) == 8
        assert [row.error == INTERRUPTED for row in rows] == [False] * 4 + [True] * 2 + [False] * 2
        assert sum(row.scored for row in rows) == 6
        assert set(asked(server, rows).values()) == {1}
        # Once more: there is nothing left, and nothing is asked.
        assert await asyncio.to_thread(run, BenchPlan(out=out, resume=True)) == 0
        assert rows_of(out) == rows
        assert set(asked(server, rows).values()) == {1}


@pytest.mark.thorough
async def test_ctrl_c_ends_the_turn_and_it_goes_on(tmp_path):
    """The first turn is begun again by nobody, and the second solver gets its heat after the pause."""
    out = tmp_path / "run"
    goes_on = asyncio.Event()
    goes_on.set()

    def held_from_the_first_question(number: int) -> Mode:
        if number == 1:  # the chat before it is the look whether anybody is there
            goes_on.clear()
        return Mode.NORMAL

    async with ScriptedModel(held_from_the_first_question, goes_on=goes_on) as server:
        process = bench(server, out, "--solvers", f"{PLAIN},direct", "--n", "4")
        await until(lambda: len(server.chats) == 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Ctrl-C again gives it up" not in (line := await asyncio.to_thread(process.stderr.readline)):
            assert line, "it ended without a word of Ctrl-C"
        goes_on.set()
        _, errors = await asyncio.to_thread(process.communicate)
        assert process.returncode == 130, errors
        assert f"To continue: logicnet bench --out {out} --resume" in errors
        assert [(row.target, row.scored) for row in rows_of(out)] == [("plain_call", True)] * 2
        assert await asyncio.to_thread(run, BenchPlan(out=out, resume=True)) == 0
    rows = rows_of(out)
    assert [row.target[0] for row in rows] == list("ppddddpp")
    assert all(row.scored for row in rows)
    assert (out / "report.html").exists()


async def test_a_resumed_run_is_the_same_run(tmp_path):
    out = tmp_path / "run"
    async with ScriptedModel() as server:
        assert await asyncio.to_thread(run, options(server, out, questions=2)) == 0
        for different, said in (
            ({"solvers": ["direct"]}, "--solvers differs"),
            ({"questions": 3}, "--n differs"),
            ({"seed": 2}, "--seed differs"),
            ({"concurrency": 3}, "--concurrency differs"),
            ({"deadline_s": 3.0}, "--deadline differs"),
            ({"endpoint": "http://127.0.0.1:1/v1"}, "--endpoint differs"),
            ({"similarity": True}, "--similarity differs"),
            ({"judge_model": "m"}, "give its --judge-url"),
            ({"out": tmp_path / "nowhere"}, "there is no run in"),
            ({"out": None}, "--resume needs the --out"),
        ):
            with pytest.raises(SettingsError, match=said):
                await asyncio.to_thread(run, BenchPlan.parse({"out": out, "resume": True} | different))
        same = options(server, out, questions=2, resume=True, judge_url=server.base_url)
        assert await asyncio.to_thread(run, same) == 0
    plan = json.loads((out / "run.json").read_text())
    assert (plan["judge_url"], plan["judge_model"]) == (server.base_url, None)


async def test_a_run_whose_questions_were_changed_is_not_gone_on_with(tmp_path):
    out = tmp_path / "run"
    async with ScriptedModel() as server:
        assert await asyncio.to_thread(run, options(server, out, questions=2)) == 0
        lines = (out / "challenges.jsonl").read_text().splitlines(keepends=True)
        (out / "challenges.jsonl").write_text("".join(lines[:2]))
        with pytest.raises(BadRun, match="was changed"):
            await asyncio.to_thread(run, BenchPlan(out=out, resume=True))


@pytest.mark.parametrize("name", ["no.toml", "no.jsonl"])
def test_questions_that_are_not_there_are_wrong_use(name, capsys, tmp_path):
    assert main(["bench", "--challenges", name, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"--challenges: cannot read {name}: No such file") and said.count("\n") == 1


@pytest.mark.parametrize("words", [["--concurrency", "0"], ["--deadline", "nan"], ["--solvers", ","]])
def test_wrong_words_are_one_line(words, capsys):
    assert main(["bench", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
