"""The reference is asked for as a validator asks."""

from logicnet.deadline import Deadline
from logicnet.llm import Endpoint
from logicnet.scoring.similarity import write_reference
from tests.harness.scripted_model import STEPS, ScriptedModel


async def test_one_plain_completion_of_the_raw_question() -> None:
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        done = await write_reference("How many?", endpoint, Deadline.after(60))
        await endpoint.close()
    assert (done.text, done.finish) == (STEPS, "stop")
    [body] = server.chats
    assert body["messages"] == [{"role": "user", "content": "How many?"}]
    assert (body["max_tokens"], body["temperature"]) == (300, 0.7)
