from logicnet.llm import Endpoint
from logicnet.miner import say_who_answers
from tests.harness.said import listening
from tests.harness.scripted_model import ScriptedModel


async def test_a_model_server_that_comes_after_the_miner_is_told_once() -> None:
    async with ScriptedModel() as server:
        pass  # its port is known now, and nobody listens there
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}/v1")
    comes_back_s: list[float] = []

    async def wait(seconds: float) -> None:
        comes_back_s.append(seconds)
        if len(comes_back_s) == 3:
            await server.__aenter__()

    with listening() as said:
        try:
            await say_who_answers(endpoint, sleep=wait)
        finally:
            await endpoint.close()
            await server.__aexit__(None, None, None)
    assert comes_back_s == [1.0, 2.0, 4.0]
    told = [line.partition(":")[0] for line in said if "odel:" in line or "odel yet:" in line]
    assert told == ["WARNING No model yet", "INFO The model"]
