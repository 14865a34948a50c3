"""The whole bench in one process, against a scripted model server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from logicnet.arena.rows import read_rows
from logicnet.bench.command import Options, Source, run
from logicnet.errors import LogicnetError, ModelError, SettingsError
from logicnet.report import page
from tests.harness.scripted_model import Mode, ScriptedModel

PLAIN = str(Path(__file__).parents[3] / "bench" / "peers" / "plain_call.py")


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(page, "_library", lambda: "")


def options(server: ScriptedModel, out: Path, **different: object) -> Options:
    fields = {"solvers": ["direct", PLAIN], "endpoint": Source(server.base_url, key="s3cret"), "out": out}
    return Options(**(fields | {"count": 5, "seed": 1, "concurrency": 2} | different))


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
    assert (plan["kind"], plan["solvers"], plan["questions"]) == ("bench", ["direct", "plain_call"], 5)
    said = capfd.readouterr()
    assert "direct - plain_call" in said.out
    assert "5 of 5 questions answered by each of 2" in said.err
    assert "s3cret" not in said.out + said.err + (tmp_path / "run" / "run.json").read_text()


async def test_a_judge_decides_what_arithmetic_cannot(tmp_path):
    def text(body: dict) -> str:
        asked = body["messages"][-1]["content"]
        if "steer the grader" in asked:
            return "no"
        return "0.75" if "Grade from 0 to 1" in asked else "The answer is a mystery."

    async with ScriptedModel(text=text) as server:
        judged = options(server, tmp_path / "run", judge=Source(server.base_url), solvers=[PLAIN])
        assert await asyncio.to_thread(run, judged) == 0
    rows = list(read_rows(tmp_path / "run" / "rows.jsonl"))
    assert {(row.correctness, row.decided_by) for row in rows} == {(0.75, "judge")}


async def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    async with ScriptedModel() as server:
        with pytest.raises(SettingsError, match="there is a run in it already"):
            await asyncio.to_thread(run, options(server, tmp_path))
    assert (tmp_path / "run.json").read_text() == "{}"


@pytest.mark.parametrize("role", ["endpoint", "judge"])
async def test_a_model_that_is_down_is_said_before_anything_is_asked(tmp_path, role):
    async with ScriptedModel() as server, ScriptedModel(mode=Mode.ERROR_500) as broken:
        with pytest.raises(ModelError, match=f"the {role} does not answer") as error:
            await asyncio.to_thread(run, options(server, tmp_path, **{role: Source(broken.base_url)}))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run.json").exists()  # so the same folder can be named again


async def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    async with ScriptedModel() as server:
        with pytest.raises(SettingsError, match="cannot be written"):
            await asyncio.to_thread(run, options(server, tmp_path / "file" / "run"))


async def test_without_what_embeds_nothing_is_begun(tmp_path, monkeypatch):
    from logicnet.scoring import similarity  # noqa: PLC0415

    def missing() -> None:
        raise LogicnetError("needs sentence-transformers")

    monkeypatch.setattr(similarity, "require", missing)
    async with ScriptedModel() as server:
        with pytest.raises(LogicnetError, match="sentence-transformers"):
            await asyncio.to_thread(run, options(server, tmp_path, reference=Source(server.base_url)))
        assert server.chats == []
