"""`logicnet learn --prove`: what is proposed is written only after a bench has proven it."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from logicnet.answers import question_kind
from logicnet.cli import main
from logicnet.evals.bench.plan import load_questions
from logicnet.evals.challenges import sets
from logicnet.evals.runs.run import Row
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.tuning.improve.proof import Proof
from logicnet.votelog import SamplerVote, VoteLog
from tests.harness.scripted_model import Json, ScriptedModel
from tests.unit.evals.report.runs import row, write_run
from tests.unit.solver.race.course import asked

# The race cancels calls while httpx2 connects for them; such a connection is left to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("patient_truth"),
    pytest.mark.thorough,
]

OWN = """[[profiles]]
name = "ours"
models = ["*"]
calls = 64
reason = { samples = 4, most = 4, temperature = 0.7, max_tokens = 200 }
program = { samples = 1, most = 4, temperature = 0.7, max_tokens = 100 }
"""
NAMES = ("Ann", "Bob", "Cem", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida")


def question(number: int) -> str:
    dice = Random(number)
    told = ", ".join(f"{name} has {dice.randrange(10, 9999)} apples" for name in NAMES)
    return f"{told}. Who has the most apples?"


def answer(asked_for: str) -> str:
    found = re.findall(r"(\w+) has (\d+) apples", asked_for)[-len(NAMES) :]
    return max(found, key=lambda one: int(one[1]))[0] if found else ""


KIND = question_kind(question(0))


def says(dice: Random, right: str, share: float) -> str:
    return right if dice.random() < share else dice.choice([name for name in NAMES if name != right])


def model(programs: float, thoughts: float) -> Any:
    """Programs of a question are of one mind, right in such a share of the questions; thoughts are not."""
    told: Counter[str] = Counter()

    def text(body: Json) -> str:
        right = answer(body["messages"][-1]["content"])
        if not right:
            return "A plain answer to a plain request."
        words = body["messages"][-1]["content"]
        if asked(body) == "program":
            return f"print('{says(Random(words), right, programs)}')"
        told[words] += 1
        said = says(Random(f"{words} {told[words]}"), right, thoughts)
        return f"That is {said}. The answer is {said}."

    return text


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in which programs outvote better reasoning, questions, and the operator's profiles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.toml").write_text(OWN)
    asking = [{"question": question(number), "answer": answer(question(number))} for number in range(200)]
    (tmp_path / "most.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asking))
    write_run(tmp_path / "run", list(outvoted(200)), endpoint={"model": "scripted"})
    return tmp_path


def outvoted(count: int) -> Iterator[Row]:
    dice = Random(1)
    for number in range(count):
        votes = [("reason", says(dice, "Ann", 0.65)) for _ in range(4)]
        votes += [("program", says(dice, "Ann", 0.72))] * 4
        chosen = votes[-1][1]
        log = VoteLog(KIND, tuple(SamplerVote(name, key, key, tokens=9) for name, key in votes), chosen)
        truly: dict[str, Any] = {"true": chosen == "Ann", "correctness": float(chosen == "Ann")}
        yield row("race", number, solver="race", ground_truth="Ann", trail=log.fields(), **truly)


async def learned(server: ScriptedModel, *words: str) -> int:
    given = ["learn", "run", "--prove", "--challenges", "most.jsonl", "--n", "16", "--concurrency", "8"]
    given += ["--no-similarity", *words, "--miner.profiles", "own.toml", "--ledger.path", "l.sqlite"]
    given += ["--miner.llm_client.base_url", server.base_url, "--tuning.folder", "tuning"]
    return await asyncio.to_thread(main, given)


def proofs(place: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(place.glob("tuning/policies/*/proof.json"))]


async def test_a_policy_that_pays_is_proven_and_written_beside_the_operators_profiles(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedModel(text=model(programs=0.3, thoughts=0.75)) as server:
        assert await learned(server) == 0, capsys.readouterr()
        out = capsys.readouterr().out
        (written,) = place.glob("tuning/policies/*/profiles.toml")
        assert f"logicnet mine --miner.profiles {written}" in out
        asked_for = len(server.chats)
        assert await learned(server) == 0  # the same again is no new look
        assert len(server.chats) == asked_for
    assert (place / "own.toml").read_text() == OWN
    new, old = load_profiles(written)[:2]
    assert new.limits == {KIND: {"program": 0}}
    assert (new.reason, new.program, old) == (
        *((one := load_profiles(place / "own.toml")[0]).reason, one.program),
        one,
    )
    assert profile_for("scripted", load_profiles(written)) == new
    assert profile_for("another", load_profiles(written)) == old
    assert tomllib.loads(f"limits = {out.rpartition('limits = ')[2]}")["limits"] == new.limits
    (proof,) = proofs(place)
    assert proof["passed"] and proof["reward"]["low"] > 0 and proof["alpha"] == 0.05


async def test_what_does_not_pay_on_the_server_is_refused_and_a_second_look_is_dearer(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for base in ("scripted", "another"):
        (place / "tuning" / "policies" / base).mkdir(parents=True)
        before = Proof(base, "", 20, 0.05, None, None, reasons=("no better",)).fields()
        (place / "tuning" / "policies" / base / "proof.json").write_text(json.dumps(before))
    async with ScriptedModel(text=model(programs=1.0, thoughts=0.35)) as server:
        assert await learned(server, "--n", "12") == 1
    out = capsys.readouterr().out
    assert "Not proven: " in out and "The profile stays as it is." in out
    assert not list(place.glob("tuning/policies/*/profiles.toml"))
    assert sorted(proof["alpha"] for proof in proofs(place)) == [0.025, 0.05, 0.05]


async def test_without_a_proposal_nothing_is_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    votes = tuple(SamplerVote(name, "right", "1") for name in ("reason", "program"))
    rows = [
        row(
            "race",
            number,
            solver="race",
            ground_truth="1",
            true=True,
            trail=VoteLog(KIND, votes, "right").fields(),
        )
        for number in range(30)
    ]
    write_run(place / "run", rows, endpoint={"model": "scripted"})
    async with ScriptedModel() as server:
        assert await learned(server) == 1
        assert not server.chats
    assert "Nothing is proposed, so nothing was tried." in capsys.readouterr().out


async def test_questions_of_the_runs_prove_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = load_questions(place / "most.jsonl", 12, 1)
    sets.write(few, place / "few.jsonl")
    with (place / "run" / "rows.jsonl").open("a") as rows:
        rows.writelines(row(id=one.id).line() + "\n" for one in few.problems[3:])
    async with ScriptedModel() as server:
        assert await learned(server, "--challenges", "few.jsonl", "--n", "12") == 2
        assert not server.chats
    says = "--challenges few.jsonl: 3 of 12 questions were not in these runs, and a proof needs 10"
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("away", [False, True], ids=["another model", "no server"])
async def test_what_stands_in_the_way_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], away: bool
) -> None:
    async with ScriptedModel(model="other") as server:
        if not away:
            assert await learned(server) == 2
    if away:
        assert await learned(server) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(server.port) in error
    assert away or "serves 'other', which the race was not asked with in these runs" in error
