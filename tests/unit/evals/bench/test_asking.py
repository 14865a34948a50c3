from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from logicnet.evals.bench.asking import Metered, ask, heats, run_heat
from logicnet.evals.bench.contestants import Contestant
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Endpoint, Message
from logicnet.protocol import Answer
from logicnet.solver.constant import ConstantSolver
from tests.harness.own_time import after
from tests.harness.scripted_model import STEPS, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

PROBLEM = Problem("What is 48 + 24?", "72", "mathgenerator", "addition")
HELLO = [Message("user", "Hello")]


@pytest.fixture
async def server():
    async with ScriptedModel() as running:
        yield running


@pytest.fixture
async def models(server):
    endpoint = Endpoint(server.base_url)
    yield endpoint
    await endpoint.close()


async def test_tokens_of_all_calls_are_counted(models):
    meter = Metered(models)
    await asyncio.gather(*(meter.complete(HELLO, deadline=after(5), max_tokens=99) for _ in range(3)))
    assert meter.tokens == 3 * len(STEPS.split())


async def test_what_a_cancelled_call_had_generated_is_counted_too(server, models):
    server.mode = Mode.HANG_IN_TEXT
    meter = Metered(models)
    call = asyncio.create_task(meter.complete(HELLO, deadline=after(30), max_tokens=99))
    async with asyncio.timeout(60):
        while not meter.tokens:
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert 0 < meter.tokens < len(STEPS.split())


async def test_pieces_are_still_handed_to_the_solver(models):
    pieces: list[str] = []
    await Metered(models).complete(HELLO, deadline=after(5), max_tokens=99, on_text=pieces.append)
    assert "".join(pieces) == STEPS


async def test_a_solver_is_asked_as_the_miner_would_ask_it(models):
    seen = []

    class Curious:
        async def solve(self, challenge, deadline, models):
            seen.append((challenge, deadline.total_s()))
            done = await models.complete(HELLO, deadline=deadline, max_tokens=99)
            return Answer(done.text, "72")

    asked = await ask(Contestant("curious", Curious()), PROBLEM, models, 64.0)
    (challenge, allowed_s) = seen[0]
    assert challenge.question == PROBLEM.question
    assert "addition" not in repr(challenge)
    assert "mathgenerator" not in repr(challenge)
    assert allowed_s == pytest.approx(63.0)  # a second for the way home
    assert asked.solution.answer == Answer(STEPS, "72")
    assert asked.solution.outcome == "solved"
    assert asked.tokens == len(STEPS.split())


async def test_a_contestant_may_have_models_of_its_own(models):
    async with ScriptedModel(text="Mine.") as other:
        own = Endpoint(other.base_url)

        class Curious:
            async def solve(self, challenge, deadline, models):
                return Answer((await models.complete(HELLO, deadline=deadline, max_tokens=9)).text, "1")

        asked = await ask(Contestant("curious", Curious(), own), PROBLEM, models, 64.0)
        await own.close()
    assert asked.solution.answer.reasoning == "Mine."
    assert asked.tokens == 1


async def test_the_rephrased_question_is_what_is_asked(models):
    seen = []

    class Curious:
        async def solve(self, challenge, deadline, models):
            seen.append(challenge.question)
            return Answer("x", "y")

    problem = Problem("What is 1+1?", "2", rephrased="My friend wonders what 1 and 1 make!")
    await ask(Contestant("curious", Curious()), problem, models, 64.0)
    assert seen == ["My friend wonders what 1 and 1 make!"]


async def test_a_solver_that_never_ends_is_cut_off_in_time(models):
    class Deaf:
        async def solve(self, challenge, deadline, models):
            await models.complete(HELLO, deadline=deadline, max_tokens=99)
            await asyncio.Event().wait()

    asked = await ask(Contestant("deaf", Deaf()), PROBLEM, models, 1.0)
    assert asked.solution.outcome == "late"
    assert asked.solution.answer.answer == "72"
    assert asked.tokens == len(STEPS.split())


async def test_a_heat_asks_all_its_questions_at_once(models):
    together = asyncio.Barrier(3)

    class Waits:
        async def solve(self, challenge, deadline, models):
            await together.wait()
            return Answer("we met", challenge.question)

    problems = [Problem(f"Question {n}", "1") for n in range(3)]
    asked = await run_heat(Contestant("waits", Waits()), problems, models, 10.0)
    assert [one.solution.answer.answer for one in asked] == ["Question 0", "Question 1", "Question 2"]


def test_every_solver_gets_every_question_and_each_goes_first_as_often():
    contestants = [Contestant(name, ConstantSolver()) for name in "abc"]
    problems = [Problem(f"Question {n}", "1") for n in range(24)]
    all_heats = list(heats(contestants, problems, 4))
    assert [one for heat, _ in all_heats for one in heat] == problems
    assert all(sorted(one.name for one in order) == ["a", "b", "c"] for _, order in all_heats)
    assert Counter(order[0].name for _, order in all_heats) == {"a": 2, "b": 2, "c": 2}


def test_the_last_heat_may_be_small():
    problems = [Problem(f"Question {n}", "1") for n in range(5)]
    assert [len(heat) for heat, _ in heats([Contestant("a", ConstantSolver())], problems, 2)] == [2, 2, 1]
