import re

import pytest

from logicnet.errors import ModelError
from logicnet.evals.challenges.problem import AnswerCheck, Problem
from logicnet.evals.challenges.rephrase import rephrase, unfaithful
from logicnet.llm import Endpoint
from tests.harness.scripted_model import Mode, ScriptedModel

PROBLEMS = [Problem(f"What is ${n} + 48$?", str(n + 48), "mathgenerator", "addition") for n in range(1, 9)]


async def reworded(server, problems=PROBLEMS, seed=1, **options):
    models = Endpoint(server.base_url)
    try:
        return await rephrase(problems, models, seed=seed, **options)
    finally:
        await models.close()


def question(body):
    return body["messages"][-1]["content"]


def echo(body):
    return f"Say, friend, could you tell me: {question(body)}"


async def test_every_question_is_reworded_as_a_persona_with_the_validators_constants():
    done = []
    async with ScriptedModel(text=echo) as server:
        found = await reworded(server, on_done=lambda: done.append(1))
        assert not found.raw
        assert [problem.asked for problem in found.problems] == [
            f"Say, friend, could you tell me: {problem.question}" for problem in PROBLEMS
        ]
        assert [problem.id for problem in found.problems] == [problem.id for problem in PROBLEMS]
        assert len(done) == len(PROBLEMS)
        assert {(chat["temperature"], chat["max_tokens"]) for chat in server.chats} == {(0.7, 1024)}
        personas = {chat["messages"][0]["content"] for chat in server.chats}
        assert len(personas) > len(PROBLEMS) / 2
        assert all("Do not solve it" in persona for persona in personas)


async def test_the_seed_draws_the_personas():
    async def personas(seed):
        async with ScriptedModel(text=echo) as server:
            await reworded(server, seed=seed)
            return sorted(chat["messages"][0]["content"] for chat in server.chats)

    assert await personas(1) == await personas(1)
    assert await personas(1) != await personas(2)


async def test_a_rewording_that_is_another_question_is_asked_for_once_more_and_then_left_raw():
    asked = []

    def forgetful(body):
        asked.append(question(body))
        again = asked.count(question(body)) > 1
        first = int(re.search(r"\d+", question(body))[0])
        return "How many are there together?" if first < 3 or not again else echo(body)

    async with ScriptedModel(text=forgetful) as server:
        found = await reworded(server)
    assert [problem.rephrased is None for problem in found.problems] == [True, True] + [False] * 6
    assert found.raw == {"lost a number": 2}
    assert len(asked) == 2 * len(PROBLEMS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Tell me 24 and 48 together!", ""),
        ("Tell me, 1,024 aside, 24 and 48 together!", ""),
        ("Tell me 24 and some more together!", "lost a number"),
        ("24 and 48 make 72, don't they?", "told the truth"),
        ("", "empty"),
        ("24 and 48. " * 100, "ran on"),
    ],
)
def test_what_is_still_the_same_question(text, why):
    assert unfaithful(Problem("What is $24+48$?", "72", check=AnswerCheck("number_is")), text) == why


def test_thousands_may_be_set_apart():
    assert unfaithful(Problem("What is 1,080 + 5?", "1085"), "Add 5 to 1080 for me.") == ""


async def test_one_quoted_reply_loses_its_quotation_marks():
    async with ScriptedModel(text=lambda body: f'"{echo(body)}"') as server:
        found = await reworded(server, PROBLEMS[:1])
    assert found.problems[0].rephrased.startswith("Say, friend")


async def test_a_broken_reply_leaves_the_question_raw():
    def mode(number):
        return Mode.NORMAL if number % 3 else Mode.ERROR_500

    async with ScriptedModel(text=echo, mode=mode) as server:
        found = await reworded(server, at_once=1)
    assert all(problem.asked for problem in found.problems)
    assert any(problem.rephrased for problem in found.problems)


async def test_a_server_that_says_nothing_is_an_error_not_a_raw_set():
    async with ScriptedModel(mode=Mode.ERROR_500) as server:
        with pytest.raises(ModelError, match="nothing was rephrased: the model server at"):
            await reworded(server, PROBLEMS[:2])
