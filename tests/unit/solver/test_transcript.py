import asyncio

import pytest

from logicnet.llm import Completion, Endpoint, Message
from logicnet.solver.transcript import Transcript
from tests.harness.own_time import after
from tests.harness.scripted_model import STEPS, Json, Mode, ScriptedModel

pytestmark = pytest.mark.own_time


def echo(body: Json) -> str:
    """The server repeats what it is asked."""
    return str(body["messages"][0]["content"])


async def ask(transcript: Transcript, question: str = "?", seconds: float = 5.0) -> Completion:
    return await transcript.complete([Message("user", question)], deadline=after(seconds), max_tokens=100)


@pytest.mark.parametrize(
    ("texts", "best"),
    [
        ([], ("", "")),
        (["We get 3 and then 4"], ("We get 3 and then 4", "4")),
        (["The answer is 5, as 2 + 3 = 5", "ok 7"], ("The answer is 5, as 2 + 3 = 5", "5, as 2 + 3 = 5")),
        (["Answer: 5", "Because. Answer: 4", "Answer: 4"], ("Because. Answer: 4", "4")),
        (["Answer: 5", "Answer: 4"], ("Answer: 4", "4")),
        (["<think>Answer: 1</think>It has 8 legs"], ("It has 8 legs", "8")),
        (["It is blue"], ("It is blue", "It is blue")),
    ],
)
async def test_the_best_of_what_was_written(texts: list[str], best: tuple[str, str]) -> None:
    async with ScriptedModel(text=echo) as server:
        endpoint = Endpoint(server.base_url)
        transcript = Transcript(endpoint, after(5))
        for text in texts:
            assert await ask(transcript, text)
        await endpoint.close()
    assert await transcript.best(5.0) == best


async def test_pieces_count_before_the_call_is_over() -> None:
    pieces: list[str] = []
    async with ScriptedModel(Mode.HANG_IN_TEXT, text="The answer: 42, or is it?") as server:
        endpoint = Endpoint(server.base_url)
        transcript = Transcript(endpoint, after(5))
        call = asyncio.create_task(
            transcript.complete(
                [Message("user", "?")], deadline=after(5), max_tokens=9, on_text=pieces.append
            )
        )
        while len(pieces) < 2:
            await asyncio.sleep(0.005)
        assert await transcript.best(5.0) == ("The answer:", "")  # half a sentence is no answer
        transcript.close()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            await server.idle()
        assert server.hung_up == 1
        assert (await ask(transcript)) == Completion("", "deadline")  # nothing is asked any more
        assert len(server.chats) == 1
        await endpoint.close()


async def test_a_call_ends_at_the_challenges_deadline_whatever_the_solver_says() -> None:
    async with ScriptedModel(Mode.HANG_BEFORE_HEADERS) as server:
        endpoint = Endpoint(server.base_url, server.model)
        async with asyncio.timeout(5):
            done = await ask(Transcript(endpoint, after(0.1)), seconds=1000)
        await endpoint.close()
    assert done.finish == "deadline"


async def test_it_passes_everything_on() -> None:
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        done = await Transcript(endpoint, after(5)).complete(
            [Message("user", "?")], deadline=after(5), max_tokens=7, temperature=0.5, regex="x"
        )
        await endpoint.close()
    [body] = server.chats
    assert done.text == " ".join(STEPS.split()[:7]) + " "
    assert (body["max_tokens"], body["temperature"]) == (7, 0.5)
    assert body["structured_outputs"] == {"regex": "x"}
