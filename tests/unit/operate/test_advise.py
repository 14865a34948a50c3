"""`logicnet volume advise` against a scripted model server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from logicnet.cli import main
from logicnet.errors import ModelError, SettingsError
from logicnet.evals.challenges.sets import make
from logicnet.operate.advise import QUESTIONS, Measured, run, table
from logicnet.settings import Settings
from logicnet.volume.advice import Level, advise
from tests.harness.scripted_model import Mode, ScriptedModel


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(f'{{"question": "What is {n}+{n}?", "answer": "{2 * n}"}}\n' for n in range(40)))
    return file


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def words(server: ScriptedModel, questions: Path, *more: str) -> list[str]:
    given = ["volume", "advise", "--challenges", str(questions), "--ledger.path", "ledger.sqlite"]
    given += ["--miner.solver", "direct", "--miner.llm_client.base_url", server.base_url]
    return [*given, "--miner.max_in_flight", "4", *more]


def settings(base_url: str, **miner: object) -> Settings:
    return Settings.model_validate(
        {"miner": {"solver": "direct", "llm_client": {"base_url": base_url}, **miner}}
    )


async def test_it_measures_and_names_a_volume(questions, capsys):
    async with ScriptedModel() as server:
        assert await asyncio.to_thread(main, words(server, questions)) == 0
    said = capsys.readouterr()
    out = " ".join(said.out.split())
    assert [line.split(" at once")[0] for line in said.err.splitlines()] == ["1", "2", "4"]
    assert "--miner.epoch_volume 4 is safe: 4 challenges at once are solved within 50 of the 64 s" in out
    assert "Each reward is multiplied by 0.9008: 9.9% less than with the 512 that are set now." in out
    assert "Loads above --miner.max_in_flight 4 were not tried." in out


async def test_json_holds_all_of_it_and_nothing_else_is_printed(questions, capsys):
    async with ScriptedModel() as server:
        given = words(server, questions, "--json", "--miner.epoch_volume", "50")
        assert await asyncio.to_thread(main, given) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["volume"], found["at_once"], found["set_now"]) == (4, 4, 50)
    assert (found["ended"], found["solver"], found["interval_s"]) == ("done", "direct", 600.0)
    assert found["gain_over_set_now"] == pytest.approx((0.9 + 0.4 / 512) / (0.9 + 5 / 512) - 1)
    assert [(level["at_once"], level["kept"]) for level in found["levels"]] == [
        (1, True),
        (2, True),
        (4, True),
    ]
    assert found["levels"][2]["answers"] == 12


async def test_its_time_is_bounded(questions, capsys):
    async with ScriptedModel(mode=Mode.HANG_IN_TEXT, lists_models=True) as server:
        server.mode = lambda number: Mode.NORMAL if number == 0 else Mode.HANG_IN_TEXT  # the first is a probe
        status = await asyncio.to_thread(run, settings(server.base_url), minutes=0.005, challenges=questions)
    assert status == 1
    assert capsys.readouterr().out == "Nothing was measured; give it more --minutes.\n"


@pytest.mark.thorough
async def test_ctrl_c_keeps_what_was_measured(questions):
    async with ScriptedModel(mode=lambda number: Mode.NORMAL if number < 20 else Mode.HANG_IN_TEXT) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "logicnet",
            *words(server, questions, "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        line = await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said, errors = await process.communicate()
    assert line.startswith(b"1 at once: 6 answers"), line + errors
    assert process.returncode == 130, errors
    found = json.loads(said)
    assert found["ended"] == "stopped"
    assert [level["at_once"] for level in found["levels"]] == [1]
    assert b"Traceback" not in errors


async def test_a_server_that_is_not_there_is_one_line(questions):
    with pytest.raises(ModelError, match="does not answer"):
        await asyncio.to_thread(run, settings("http://127.0.0.1:9/v1"), minutes=1, challenges=questions)


async def test_of_several_servers_paid_ones_are_not_asked(questions, tmp_path, capsys):
    async with ScriptedModel() as server, ScriptedModel() as paid:
        places = tmp_path / "places.toml"
        places.write_text(
            f'[[endpoint]]\nurl = "{server.base_url}"\n'
            f'[[endpoint]]\nurl = "{paid.base_url}"\npaid = true\ntokens_per_day = 1000\n'
        )
        status = await asyncio.to_thread(
            run, settings(str(places), max_in_flight=2), minutes=1, challenges=questions
        )
        assert (status, paid.paths) == (0, [])
        assert server.chats
        places.write_text(f'[[endpoint]]\nurl = "{paid.base_url}"\npaid = true\ntokens_per_day = 1000\n')
        with pytest.raises(SettingsError, match="paid"):
            await asyncio.to_thread(run, settings(str(places)), minutes=1, challenges=questions)


def test_a_file_of_no_use_is_one_line(tmp_path, capsys):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "2+2?"}\n')
    given = ["volume", "advise", "--challenges", str(bad)]
    assert main(given) == 1
    assert "1 broken line" in capsys.readouterr().err
    assert main([*given, "--skip-bad"]) != 0
    assert capsys.readouterr().err.count("\n") <= 2
    assert main(["volume", "advise", "--miner.sovler", "race"]) == 2
    assert "did you mean --miner.solver?" in capsys.readouterr().err


def test_its_table_fits_into_60_columns():
    levels = [Level(1, (7.0,) * 6, 0, 0, 0, 42.0), Level(64, (50.4,) * 192, 2, 60, 3, 200.0)]
    out = Console(width=60, record=True, file=StringIO())
    out.print(table(Measured(Settings(), advise(levels), "done")))
    lines = out.export_text().splitlines()
    assert [line.split()[:2] for line in lines[-2:]] == [["1", "6"], ["64", "192"]]
    assert not any("…" in line for line in lines)


async def test_a_solver_without_models_needs_none(questions, capsys):
    given = settings("http://127.0.0.1:9/v1", solver="constant", max_in_flight=64)
    assert await asyncio.to_thread(run, given, minutes=1, challenges=questions) == 0
    assert "--miner.epoch_volume 512" in capsys.readouterr().out


@pytest.mark.thorough
def test_its_own_questions_are_half_stories():
    kinds = [problem.source for problem in make(QUESTIONS.model_copy(update={"count": 10}), Path()).problems]
    assert sorted(kinds) == ["mathgenerator"] * 5 + ["reasoning-gym"] * 5
