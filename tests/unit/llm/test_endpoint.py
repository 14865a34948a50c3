"""The endpoint against a scripted server, over real HTTP."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from logicnet.errors import SettingsError
from logicnet.llm import Completion, Endpoint, Message, ServedModel
from logicnet.llm._chat import CHARS_PER_TOKEN
from logicnet.llm._client import _LINES_AT_ONCE, _lines, reason
from tests.harness.own_time import after
from tests.harness.said import listening
from tests.harness.scripted_model import BROKEN, STEPS, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

QUESTION = [Message("user", "How many clips did Natalia sell?")]
STARTED = [*QUESTION, Message("assistant", "So the final answer is")]

Reason = Callable[[str], Any]
Open = Callable[..., AbstractAsyncContextManager[Endpoint]]


@asynccontextmanager
async def opened(
    server: ScriptedModel, model: str | None = None, key: SecretStr | None = None
) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(server.base_url, model, key)
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def ask(endpoint: Endpoint, seconds: float = 5.0, **more: Any) -> Completion:
    arguments: dict[str, Any] = {"messages": QUESTION, "max_tokens": 100, **more}
    return await endpoint.complete(deadline=after(seconds), **arguments)


async def test_text_finish_tokens_and_pieces() -> None:
    pieces: list[str] = []
    async with ScriptedModel(pause_s=0.01) as server, opened(server) as endpoint:
        done = await ask(endpoint, temperature=0.8, on_text=pieces.append)
    assert (done.text, done.finish, done.error) == (STEPS, "stop", "")
    assert done.tokens == len(STEPS.split())
    assert done.seconds >= 0.01 * done.tokens
    assert len(pieces) > 5 and "".join(pieces) == STEPS
    [body] = server.chats
    assert body["model"] == "scripted"
    assert body["messages"] == [{"role": "user", "content": QUESTION[0].content}]
    assert (body["max_tokens"], body["temperature"], body["stream"]) == (100, 0.8, True)


async def test_the_token_limit_is_told_apart() -> None:
    async with ScriptedModel(finish_reason="length") as server, opened(server) as endpoint:
        assert (await ask(endpoint)).finish == "length"


async def test_the_deadline_ends_it_and_the_server_is_told() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        await endpoint.probe()
        server.mode = Mode.HANG_IN_TEXT
        done = await ask(endpoint, 0.3)
        assert done.seconds == pytest.approx(0.3, abs=0.05)
        assert (done.text, done.finish) == ("Half of ", "deadline")
        async with asyncio.timeout(5):
            await server.idle()
        assert server.hung_up == 1


async def test_cancelling_the_call_ends_it_on_the_server() -> None:
    async with ScriptedModel(pause_s=0.05, text="word " * 1000) as server, opened(server) as endpoint:
        begun = asyncio.Event()
        call = asyncio.create_task(ask(endpoint, 60.0, on_text=lambda _: begun.set()))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            await server.idle()
        assert server.hung_up == 1


@pytest.mark.parametrize("mode", BROKEN)
async def test_whatever_a_server_does_is_a_completion(mode: Mode) -> None:
    pieces: list[str] = []
    hangs = "hang" in mode or mode is Mode.TRICKLE
    async with ScriptedModel() as server, opened(server) as endpoint:
        await endpoint.probe()  # so that a short deadline is not spent on importing and asking for the model
        server.mode = mode
        done = await ask(endpoint, 0.4 if hangs else 5.0, on_text=pieces.append)
        if mode is Mode.GARBAGE_SHAPES:
            assert (done.text, done.finish) == (STEPS, "stop")  # what is not understood is passed over
        elif hangs:
            assert (done.finish, done.error) == ("deadline", "")
        else:
            assert done.finish == "failed"
            assert f"127.0.0.1:{server.port}" in done.error
            assert "\n" not in done.error and len(done.error) < 200
            assert QUESTION[0].content not in done.error
        assert done.text == "".join(pieces)
        if mode in (Mode.DROP, Mode.END_EARLY, Mode.HANG_IN_TEXT, Mode.ERROR_EVENT, Mode.GARBAGE_EVENTS):
            assert done.text == "Half of "
        server.mode = Mode.NORMAL
        assert (await ask(endpoint)).text == STEPS  # nothing of it sticks


async def test_a_server_that_is_not_there_and_then_is() -> None:
    server = ScriptedModel()
    async with server:
        pass
    with listening() as lines:
        async with opened(server) as endpoint:
            for _ in range(3):
                done = await ask(endpoint)
                assert (done.finish, done.text) == ("failed", "")
                assert "cannot be reached" in done.error
            server.model = "another"  # it may come back with something else
            async with server:
                assert (await ask(endpoint)).text == STEPS
    assert [line.split()[0] for line in lines] == ["WARNING"]


async def test_a_server_that_was_away_is_asked_anew_what_it_serves() -> None:
    server = ScriptedModel(context=100)
    async with server:
        endpoint = Endpoint(server.base_url)
        await ask(endpoint)
    await ask(endpoint)
    async with server:
        server.context = 4096
        assert (await ask(endpoint)).text == STEPS
    await endpoint.close()
    assert server.chats[0]["max_tokens"] < 100
    assert server.chats[-1]["max_tokens"] == 100


async def test_what_was_served_before_holds_while_nobody_says_what_is_now() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        await ask(endpoint)
        server.lists_models, server.context = False, 60  # refused for its length, so asked anew, in vain
        assert (await ask(endpoint)).text == STEPS


async def test_a_hung_list_of_models_does_not_take_all_the_time() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with silent:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1")
        done = await ask(endpoint, 0.4)
        assert done.finish == "failed" and "does not answer" in done.error
        await endpoint.close()


async def test_thinking_is_kept_apart_but_not_lost() -> None:
    pieces: list[str] = []
    async with ScriptedModel(thinking="Let me see.") as server, opened(server) as endpoint:
        assert (await ask(endpoint, on_text=pieces.append)).text == STEPS
        assert "".join(pieces) == f"<think>Let me see.</think>{STEPS}"
        server.text = ""
        assert (await ask(endpoint)).text == "Let me see."


async def test_thinking_between_marks_in_the_text() -> None:
    async with ScriptedModel(text="<think>Let me see.</think>72") as server, opened(server) as endpoint:
        assert (await ask(endpoint)).text == "72"


async def test_vllm_is_asked_to_continue_and_to_constrain() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        await ask(endpoint, messages=STARTED, regex="[0-9]+")
    [body] = server.chats
    assert body["structured_outputs"] == {"regex": "[0-9]+"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert body["messages"][-1] == {"role": "assistant", "content": STARTED[-1].content}


@pytest.mark.parametrize("named", [True, False])
async def test_a_plain_server_is_asked_without_the_extras_from_then_on(named: bool) -> None:
    extras = frozenset(
        {"structured_outputs", "continue_final_message", "add_generation_prompt", "stream_options"}
    )
    async with ScriptedModel(refuses=extras, names_refused=named) as server, opened(server) as endpoint:
        done = await ask(endpoint, messages=STARTED, regex="[0-9]+")
        assert (done.text, done.finish) == (STEPS, "stop")
        tries = len(server.chats)
        await ask(endpoint, messages=STARTED, regex="[0-9]+")
        assert len(server.chats) == tries + 1
    assert not extras & server.chats[-1].keys()
    assert [message["role"] for message in server.chats[-1]["messages"]] == ["user", "assistant", "user"]


async def test_servers_of_thinking_models_that_take_neither_temperature_nor_max_tokens() -> None:
    refuses = frozenset({"temperature", "max_tokens"})
    async with ScriptedModel(refuses=refuses) as server, opened(server) as endpoint:
        assert (await ask(endpoint)).text == STEPS
    assert server.chats[-1]["max_completion_tokens"] == 100
    assert "stream_options" in server.chats[-1]  # nothing else is given up


async def test_one_broken_regex_does_not_cost_the_others() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        await ask(endpoint, regex="[0-9]+")
        server.refuses, server.names_refused = frozenset({"structured_outputs"}), False
        assert (await ask(endpoint, regex="[")).text == STEPS
        server.refuses = frozenset()
        await ask(endpoint, regex="[0-9]+")
    assert "structured_outputs" in server.chats[-1]


async def test_a_refusal_that_nothing_mends_is_an_error() -> None:
    async with ScriptedModel(refuses=frozenset({"messages"})) as server, opened(server) as endpoint:
        done = await ask(endpoint)
        assert done.finish == "failed" and "answered 400" in done.error
        assert len(server.chats) <= 2
        server.refuses = frozenset()
        await ask(endpoint)
    assert "stream_options" in server.chats[-1]  # what was left out in vain is used again


async def test_a_long_question_is_shortened_to_the_context() -> None:
    messages = [Message("user", f"Start. {'filler ' * 5000}What is left?")]
    async with ScriptedModel(context=1000) as server, opened(server) as endpoint:
        assert (await ask(endpoint, messages=messages, max_tokens=512)).text == STEPS
    [body] = server.chats  # right at the first try, for /tokenize was asked
    content = body["messages"][0]["content"]
    assert content.startswith("Start.") and content.endswith("What is left?")
    assert "/tokenize" in server.paths
    assert len(content.split()) > 500


@pytest.mark.parametrize("tells", [True, False])
async def test_a_server_that_does_not_count_is_asked_again_with_less(tells: bool) -> None:
    messages = [Message("user", f"Start. {'a ' * 5000}What is left?")]
    server = ScriptedModel(context=1000, counts=False, tells_context=tells, tokens_per_word=3)
    async with server, opened(server) as endpoint:
        assert (await ask(endpoint, messages=messages, max_tokens=512)).text == STEPS
    assert 1 < len(server.chats) < 8
    assert server.chats[-1]["messages"][0]["content"].endswith("What is left?")


async def test_a_server_that_came_back_with_a_shorter_context() -> None:
    messages = [Message("user", "word " * 1200)]
    async with ScriptedModel(context=4096) as server, opened(server) as endpoint:
        await ask(endpoint, messages=messages)
        server.context = 1000
        assert (await ask(endpoint, messages=messages)).text == STEPS
        tries = len(server.chats)
        assert (await ask(endpoint, messages=messages)).text == STEPS
        assert len(server.chats) == tries + 1  # learnt


async def test_a_model_that_was_swapped_is_found_by_its_new_name() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        await ask(endpoint)
        server.model = "better"
        assert (await ask(endpoint)).text == STEPS
    assert server.chats[-1]["model"] == "better"


async def test_a_model_that_was_asked_for_but_is_not_there() -> None:
    async with ScriptedModel(lists_models=False) as server, opened(server, model="other") as endpoint:
        done = await ask(endpoint)
    assert done.finish == "failed" and "--miner.llm_client.model" in done.error


async def test_of_a_model_that_was_renamed_the_only_one_is_asked_and_that_is_said_once() -> None:
    async with ScriptedModel(model="served") as server, opened(server, model="other") as endpoint:
        with listening() as said:
            done = [await ask(endpoint) for _ in range(3)]
    assert [(one.text, one.model) for one in done] == [(STEPS, "served")] * 3
    assert len(said) == 1 and "'other'" in said[0] and "--miner.llm_client.model" in said[0]
    assert [body["model"] for body in server.chats] == ["other", "served", "served", "served"]


@pytest.mark.parametrize(
    "dialect",
    [
        lambda said: {"error": said, "error_type": "validation"},  # TGI, LM Studio
        lambda said: {"detail": said},
        lambda said: {"detail": [{"loc": ["body", "messages"], "msg": said, "input": "context " * 99}]},
        lambda said: {"object": "error", "message": said, "code": 400},
        lambda said: said,
    ],
    ids=["error", "detail", "list of details", "message", "plain text"],
)
@pytest.mark.parametrize("in_stream", ["", "data", "error"])
async def test_the_reason_of_a_refusal_is_read_in_every_dialect(dialect: Reason, in_stream: str) -> None:
    messages = [Message("user", f"Start. {'a ' * 5000}What is left?")]
    server = ScriptedModel(
        context=1000, counts=False, tells_context=False, reason=dialect, refuses_in_stream=in_stream
    )
    if in_stream and "error" not in dialect(""):
        server.reason = None  # the others send no such events: OpenAI's form
    async with server, opened(server) as endpoint:
        done = await ask(endpoint, messages=messages, max_tokens=512)
        assert (done.text, done.finish) == (STEPS, "stop")
    assert len(server.chats) == 2  # the refusal named the limit
    assert server.chats[-1]["messages"][0]["content"].endswith("What is left?")


def test_of_a_refusal_nothing_is_kept_that_may_quote_the_prompt() -> None:
    secret = {"detail": [{"msg": "too long", "input": {"messages": "secret"}}], "body": "secret"}
    assert reason(secret) == "too long"
    assert reason({"error": {"message": "exceeds the context", "n_ctx": 512, "prompt": "secret"}}) == (
        "exceeds the context (n_ctx: 512)"
    )
    assert len(reason("x" * 10_000)) <= 2000


async def test_a_server_that_ignores_stream_is_read_as_a_whole() -> None:
    async with ScriptedModel(streams=False) as server, opened(server) as endpoint:
        done = await ask(endpoint)
    assert (done.text, done.finish) == (STEPS, "stop")


async def test_a_content_of_parts_is_text_and_thinking() -> None:
    async with ScriptedModel(parts=True, thinking="Let me see.") as server, opened(server) as endpoint:
        done = await ask(endpoint)
    assert (done.text, done.thinks) == (STEPS, True)


async def test_a_server_that_refuses_a_temperature_of_0_gets_nearly_that() -> None:
    async with ScriptedModel(zero_refused=True) as server, opened(server) as endpoint:
        assert [(await ask(endpoint)).text for _ in range(2)] == [STEPS] * 2
    assert [body["temperature"] for body in server.chats] == [0, 0.01, 0.01]


async def test_a_server_without_a_list_of_models_works_with_a_name() -> None:
    async with ScriptedModel(lists_models=False) as server:
        async with opened(server, model="scripted") as endpoint:
            assert (await ask(endpoint)).text == STEPS
        async with opened(server) as endpoint:
            assert "--miner.llm_client.model" in (await ask(endpoint)).error


async def test_the_key_is_sent_and_never_shown() -> None:
    key = SecretStr("sk-very-secret")
    async with ScriptedModel(key="sk-very-secret") as server:
        async with opened(server, key=key) as endpoint:
            assert (await ask(endpoint)).text == STEPS
        server.key = "another"
        with listening("TRACE") as lines:
            async with opened(server, model="scripted", key=key) as endpoint:
                done = await ask(endpoint)
    assert "OPENAI_API_KEY" in done.error
    assert "secret" not in done.error + "".join(lines) + repr(endpoint)


async def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        assert (await ask(endpoint, messages=[Message("user", "a\ud800b")])).text == STEPS


@pytest.mark.parametrize("streams", [True, False])
async def test_a_server_that_ignores_the_limit_of_tokens_is_left(streams: bool) -> None:
    async with ScriptedModel(text="x" * 5_000 + " y", streams=streams) as server, opened(server) as endpoint:
        done = await ask(endpoint, max_tokens=10)
    assert (len(done.text), done.error) == (CHARS_PER_TOKEN * 10, "")
    assert done.finish == ("length" if streams else "stop")


async def test_lines_that_come_together_leave_others_their_turns() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):  # of an event each, as a server sends them
            yield b"data: {}\n\n"
        yield b"data: {}\n\n" * 200

    turn()
    assert len([line async for line in _lines(chunks())]) == 801
    assert turns >= 800 // _LINES_AT_ONCE


async def test_characters_that_split_lines_elsewhere() -> None:
    text = "a\u2028b\x85c\x0bd"
    async with ScriptedModel(text=text) as server, opened(server) as endpoint:
        assert (await ask(endpoint)).text == text


async def test_an_error_in_on_text_is_the_solvers_own() -> None:
    def broken(piece: str) -> None:
        raise TimeoutError("not the deadline's")

    async with ScriptedModel(pause_s=0.01, text="word " * 100) as server, opened(server) as endpoint:
        with pytest.raises(TimeoutError, match="not the deadline's"):
            await ask(endpoint, on_text=broken)
        async with asyncio.timeout(5):
            await server.idle()
        assert server.hung_up == 1


@pytest.mark.thorough
async def test_many_at_once() -> None:
    async with ScriptedModel(pause_s=0.01) as server, opened(server) as endpoint:
        done = await asyncio.gather(*(ask(endpoint, 20.0) for _ in range(150)))
    assert {one.text for one in done} == {STEPS}


async def test_probe_generates_one_token_and_tells_the_context() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        probe = await endpoint.probe()
        assert (probe.served, probe.error) == (ServedModel("scripted", 2048), "")
        assert "2048 tokens of context" in str(probe)
        server.mode = Mode.HANG_BEFORE_HEADERS
        assert "generated nothing within 0.2 s" in str(await endpoint.probe(0.2))
        assert server.chats[0]["max_tokens"] == 1
    async with opened(server) as endpoint:
        assert "cannot be reached" in str(await endpoint.probe())


@pytest.mark.parametrize("address", ["127.0.0.1:8000/v1", "", "ftp://host/v1", "http://"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(SettingsError, match=r"--miner\.llm_client\.base_url"):
        Endpoint(address)


def test_nothing_heavy_is_imported_before_a_model_is_asked() -> None:
    code = (
        "import sys, logicnet.llm, logicnet.solver\n"
        "logicnet.llm.Endpoint('http://127.0.0.1/v1')\n"
        "print('openai' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


async def test_credentials_in_the_address_are_not_shown() -> None:
    endpoint = Endpoint("http://user:pass@127.0.0.1:9/v1")
    assert "pass" not in (await ask(endpoint)).error
    await endpoint.close()


async def test_stop_words_and_confidence_are_asked_for_when_wanted() -> None:
    async with ScriptedModel(logprobs=(-0.2, -0.4, 0.1, -9999.0)) as server, opened(server) as endpoint:
        done = await ask(endpoint, stop=("\n\n", "Question:"), confidence=True, max_tokens=4)
        plain = await ask(endpoint)
    assert done.confidence == pytest.approx((-0.2 - 0.4 - 0.0 - 20.0) / 4)  # what cannot be is bounded
    assert plain.confidence is None
    first, second = server.chats
    assert (first["stop"], first["logprobs"]) == (["\n\n", "Question:"], True)
    assert "stop" not in second and "logprobs" not in second


async def test_a_server_that_knows_no_log_probabilities_answers_without() -> None:
    async with (
        ScriptedModel(refuses=frozenset({"logprobs"}), logprobs=(-0.2,)) as server,
        opened(server) as endpoint,
    ):
        done = await ask(endpoint, confidence=True)
    assert (done.text, done.confidence) == (STEPS, None)


async def test_the_connection_of_a_reply_that_ended_is_used_again() -> None:
    async with ScriptedModel() as server, opened(server) as endpoint:
        for _ in range(5):
            assert (await ask(endpoint)).text == STEPS
        assert server.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_proxy_for_the_outside_world_is_not_asked_for_this_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url.replace("127.0.0.1", host))
        assert (await ask(endpoint)).text == STEPS
        await endpoint.close()
