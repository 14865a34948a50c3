"""The two calls, against a scripted server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from logicnet.errors import ModelError
from logicnet.llm import Endpoint
from logicnet.protocol import Answer, Challenge
from logicnet.solver.direct import DirectSolver
from tests.harness.own_time import after
from tests.harness.scripted_model import Json, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

QUESTION = "Natalia sold 48 clips in April and half as many in May. How many is that?"
STEPS = "In May she sold 24. That makes 72 together."
FORCED = "So the final answer is"


def call(body: Json) -> str:
    """Which of the three calls a request is."""
    roles = [message["role"] for message in body["messages"]]
    return {1: "reasoning", 2: "forced", 3: "final"}[len(roles)]


def as_asked(body: Json) -> str:
    return {"reasoning": STEPS, "final": "**72 clips**\n\nAs explained.", "forced": " 72."}[call(body)]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(text=as_asked, context=8192) as server:
        yield server


async def solve(models: Endpoint, seconds: float = 20.0) -> Answer:
    return await DirectSolver().solve(Challenge(QUESTION), after(seconds), models)


async def test_reason_then_ask_for_the_answer(server: ScriptedModel, models: Endpoint) -> None:
    assert await solve(models) == Answer(STEPS, "72 clips")
    reasoning, final = server.chats
    assert QUESTION in reasoning["messages"][0]["content"]
    assert (reasoning["max_tokens"], reasoning["temperature"]) == (2048, 0.8)
    assert final["messages"][1] == {"role": "assistant", "content": STEPS}
    assert (final["max_tokens"], final["temperature"]) == (512, 0.7)


async def test_reasoning_that_takes_too_long_is_cut_and_concluded(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = lambda n: Mode.HANG_IN_TEXT if n == 0 else Mode.NORMAL
    # Nothing but half a sentence was written: the conclusion makes it whole.
    assert await solve(models, 1.6) == Answer(f"In May\n\n{FORCED} 72.", "72")
    assert [call(body) for body in server.chats] == ["reasoning", "forced"]
    forced = server.chats[1]
    assert forced["messages"][1]["content"] == f"In May\n\n{FORCED}"
    assert forced["continue_final_message"] is True
    assert "regex" in forced["structured_outputs"]
    assert forced["max_tokens"] < 100


@pytest.mark.thorough
async def test_a_final_answer_that_does_not_come_is_forced(server: ScriptedModel, models: Endpoint) -> None:
    server.mode = lambda n: Mode.HANG_BEFORE_HEADERS if n == 1 else Mode.NORMAL
    assert await solve(models, 1.6) == Answer(STEPS, "72")
    assert [call(body) for body in server.chats] == ["reasoning", "final", "forced"]


async def test_a_final_answer_that_rambles_is_forced(server: ScriptedModel, models: Endpoint) -> None:
    server.text = lambda body: "and so on " * 20 if call(body) == "final" else as_asked(body)
    assert (await solve(models)).answer == "72"


@pytest.mark.thorough
async def test_what_the_reasoning_says_is_read_when_nothing_else_comes(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = lambda n: Mode.HANG_BEFORE_HEADERS if n else Mode.NORMAL
    assert await solve(models, 1.6) == Answer(STEPS, "72")


BREAKS = [Mode.DROP, Mode.END_EARLY, Mode.ERROR_EVENT, Mode.GARBAGE_EVENTS]


@pytest.mark.parametrize("mode", BREAKS)
async def test_reasoning_whose_stream_breaks_is_continued(
    server: ScriptedModel, models: Endpoint, mode: Mode
) -> None:
    server.text = lambda body: ["Easy.\nThat is half of 48.", "That makes 72.", "72 clips"][
        len(server.chats) - 1
    ]
    server.mode = lambda n: mode if n == 0 else Mode.NORMAL
    assert await solve(models) == Answer("Easy.\nThat makes 72.", "72 clips")
    assert server.chats[1]["messages"][-1] == {"role": "assistant", "content": "Easy."}
    assert server.chats[1]["continue_final_message"] is True


async def test_a_final_answer_whose_stream_breaks_is_asked_for_again(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.text = lambda body: "Answer: 72 clips." if call(body) == "final" else as_asked(body)
    server.mode = lambda n: Mode.DROP if n == 1 else Mode.NORMAL
    assert await solve(models) == Answer(STEPS, "72 clips")
    assert [call(body) for body in server.chats] == ["reasoning", "final", "final"]


async def test_a_stream_that_breaks_whenever_it_is_asked_is_cut_and_concluded_and_explained_once(
    server: ScriptedModel, models: Endpoint, said: list[str]
) -> None:
    server.text = "I see. She sold 24 clips in May"
    server.mode = Mode.DROP
    for _ in range(2):
        answer = await solve(models)
        assert answer.reasoning.endswith("I see.")
        assert "sold" not in answer.reasoning
    assert len([line for line in said if "broke off its reply" in line]) == 1


async def test_without_reasoning_the_answer_is_still_asked_for(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = lambda n: Mode.HANG_BEFORE_HEADERS if n == 0 else Mode.NORMAL
    assert await solve(models, 1.6) == Answer(f"{FORCED} 72.", "72")


async def test_a_server_that_comes_back_in_time_is_asked_again(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = lambda n: Mode.ERROR_500 if n < 2 else Mode.NORMAL
    assert await solve(models) == Answer(STEPS, "72 clips")


async def test_a_server_that_stays_away_is_said_before_the_deadline(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = Mode.ERROR_500
    async with asyncio.timeout(10):
        with pytest.raises(ModelError, match="answered 500"):
            await solve(models, 1.0)


async def test_nothing_in_time_is_said_too(server: ScriptedModel, models: Endpoint) -> None:
    server.mode = Mode.HANG_AFTER_HEADERS
    with pytest.raises(ModelError, match="in time"):
        await solve(models, 0.5)


@pytest.mark.thorough
async def test_each_call_leaves_the_next_its_share(server: ScriptedModel, models: Endpoint) -> None:
    server.mode = Mode.HANG_IN_TEXT
    server.text = "word " * 100
    arrivals: list[float] = []
    loop = asyncio.get_running_loop()

    def noting(n: int) -> Mode:
        arrivals.append(loop.time())
        return Mode.HANG_IN_TEXT if n == 0 else Mode.HANG_BEFORE_HEADERS

    server.mode = noting
    started_s = loop.time()
    await solve(models, 1.6)
    assert len(arrivals) == 2
    assert arrivals[1] - started_s > 1.1  # the reasoning had its three quarters
    assert loop.time() - started_s > 1.5  # and the rest was used


async def test_a_question_as_long_as_a_book(server: ScriptedModel, models: Endpoint) -> None:
    book = Challenge(f"Read this. {'Many words stand here. ' * 20_000}{QUESTION}")
    answer = await DirectSolver().solve(book, after(20), models)
    assert answer == Answer(STEPS, "72 clips")
    assert all(QUESTION in body["messages"][0]["content"] for body in server.chats)
