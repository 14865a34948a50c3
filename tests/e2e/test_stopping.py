"""The real race over HTTP, on a server with the speed of a chat model: it stops when its votes say so."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logicnet.llm import Endpoint, Message
from logicnet.protocol import Answer, Challenge
from logicnet.solver import Setup
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.solver.race.solver import RaceSolver
from logicnet.votelog import SamplerVote, VoteLog
from tests.e2e.conftest import ROOT
from tests.harness.own_time import after
from tests.harness.paced_model import PacedModel, Said
from tests.harness.scripted_model import Json

pytestmark = pytest.mark.own_time

MODEL = "scripted-7b-chat"
PROFILE = profile_for(MODEL, load_profiles())
MOST = PROFILE.reason.most + PROFILE.program.most
QUESTION = "Ann counts the marbles in her bags. How many marbles does she have in the end?"


def saying(answers: Iterator[int], tokens: int = 60) -> Callable[[Json], Said]:
    """Chats that come to these answers, one after the other; programs too."""

    def script(body: Json) -> Said:
        answer = next(answers)
        program = "Python" in body["messages"][-1]["content"]
        text = f"```python\nprint({answer})\n```" if program else f"We count. The answer is {answer}."
        return Said(text, tokens, -0.3, "one")

    return script


async def raced(script: Callable[[Json], Said]) -> tuple[Answer, PacedModel]:
    server = PacedModel(model=MODEL, script=script, tokens_per_s=lambda running: 600.0 / running)
    async with server, RaceSolver(Setup(model=MODEL)) as solver:
        models = Endpoint(server.base_url)
        try:
            answer = await solver.solve(Challenge(QUESTION), after(30.0), models)
            async with asyncio.timeout(10.0):
                await server.idle()
        finally:
            await models.close()
    return answer, server


def forever(*answers: int) -> Iterator[int]:
    while True:
        yield from answers


async def test_samples_that_agree_are_enough() -> None:
    answer, server = await raced(saying(forever(42)))
    assert answer.answer == "42"
    assert answer.vote_log is not None
    heard = [vote for vote in answer.vote_log.votes if vote.key]
    assert len(heard) < MOST
    assert server.batch.total() == 0  # who was not waited for has stopped


async def test_samples_that_differ_bring_more_samples() -> None:
    answer, server = await raced(saying(iter(range(7, 1000, 3))))
    begun = PROFILE.reason.samples + PROFILE.program.samples
    assert len(server.chats) > begun
    assert answer.vote_log is not None
    assert len({vote.key for vote in answer.vote_log.votes if vote.key}) > begun


async def test_a_sample_that_is_not_waited_for_stops_generating() -> None:
    """The first chat would write for minutes; the others agree."""
    slow = Counter[str]()

    def script(body: Json) -> Said:
        slow["chats"] += 1
        tokens = 10**6 if slow["chats"] == 1 else 60
        return Said("We count. The answer is 42.", tokens, -0.3, "one")

    answer, server = await raced(script)
    assert answer.answer == "42"
    assert server.hung_up >= 1


@pytest.mark.parametrize("max_tokens", [8, 60, 600])
async def test_a_paced_text_comes_whole_or_cut_where_its_tokens_end(max_tokens: int) -> None:
    text = "one two three four five six seven eight nine ten. The answer is 42."
    server = PacedModel(
        model=MODEL,
        script=lambda _: Said(text, 60, -0.3, "one"),
        tokens_per_s=lambda _: 2000.0,
        tick_s=0.01,
    )
    async with server:
        models = Endpoint(server.base_url)
        try:
            done = await models.complete(
                [Message("user", "?")],
                deadline=after(20.0),
                max_tokens=max_tokens,
                confidence=True,
            )
        finally:
            await models.close()
    whole = max_tokens >= 60
    assert done.text == (text if whole else text[: len(text) * max_tokens // 60])
    assert done.finish == ("stop" if whole else "length")
    assert done.tokens == min(max_tokens, 60)
    assert done.confidence == pytest.approx(-0.3)


def replay(recording: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "benchmarks/stopping.py", "--arrivals", str(recording)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_run_of_the_bench_can_be_replayed(tmp_path: Path) -> None:
    def row(number: int, said: str) -> str:
        votes = [
            SamplerVote("reason", f"number:{one}", one, -0.2, 2.0 + place) for place, one in enumerate(said)
        ]
        vote_log = VoteLog("story", tuple(votes), f"number:{said[0]}")
        fields = {"target": "race", "id": str(number), "round": 1, "true": said[0] == "7"}
        fields |= {"raw_question": QUESTION, "ground_truth": "7", "trail": vote_log.fields()}
        return json.dumps(fields)

    rows = [row(number, said) for number, said in enumerate(("777", "757", "577"))]
    other = json.dumps({"target": "direct", "trail": None})
    (tmp_path / "rows.jsonl").write_text("\n".join([*rows, other]) + "\n")
    done = replay(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Recorded: race" in done.stdout
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert found["questions"] == 3


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"target": "direct", "trail": null}\n')
    for place in (tmp_path, tmp_path / "nowhere.jsonl"):
        done = replay(place)
        assert done.returncode == 1
        assert "no recording of samplers" in done.stderr
        assert done.stderr.count("\n") == 1
