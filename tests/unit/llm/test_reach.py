"""An endpoint that is needed now: it answers, or one line says why not."""

import pytest

from logicnet._util.processes import free_port
from logicnet.errors import ModelError, SettingsError
from logicnet.llm.endpoint import reach, unheard
from tests.harness.said import listening
from tests.harness.scripted_model import Mode, ScriptedModel


async def test_one_that_answers_is_there():
    async with ScriptedModel() as server, reach("judge", server.base_url, flag="--judge-url") as endpoint:
        assert endpoint.served is not None
    assert len(server.chats) == 1


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://"])
async def test_no_address_is_said_of_the_flag_that_was_given(url):
    with pytest.raises(SettingsError, match=r"^--judge-url takes an http"):
        async with reach("judge", url, flag="--judge-url"):
            pass


async def test_one_that_is_away_or_broken_is_one_error_and_no_warning():
    with listening("WARNING") as said, unheard():
        await both_fail()
    assert said == []


async def both_fail() -> None:
    async with ScriptedModel(mode=Mode.ERROR_500) as server:
        for url in (server.base_url, f"http://127.0.0.1:{free_port()}/v1"):
            with pytest.raises(ModelError, match=r"^the judge does not answer: ") as error:
                async with reach("judge", url, flag="--judge-url"):
                    pass
            assert "\n" not in str(error.value)
