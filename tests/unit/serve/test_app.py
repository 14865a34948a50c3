"""`logicnet serve`, asked by the openai client over loopback; the model server is scripted."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import openai
import pytest
import uvicorn

from logicnet._util.processes import free_port
from logicnet.axon import ConcurrencyLimiter
from logicnet.deadline import Deadline
from logicnet.errors import SettingsError
from logicnet.protocol import Answer, Challenge
from logicnet.serve.app import ChatApp
from logicnet.serve.messages import ChatRequest
from logicnet.serve.run import opened, run, served
from logicnet.settings import (
    LedgerSettings,
    LlmClientSettings,
    MinerSettings,
    ServeSettings,
    Settings,
    TuningSettings,
)
from logicnet.solver.answering import Solution
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.harness.twice import solved_twice

KEY = "sk-of-the-door"
QUESTION = "Natalia sold clips to 48 friends, and half as many in May. How many clips did she sell?"


@asynccontextmanager
async def listening(app: ChatApp, port: int) -> AsyncIterator[str]:
    """The base URL of `app`, on a port of the loopback."""
    server = uvicorn.Server(served(app, ServeSettings(port=port)))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        await task


def settings_of(
    folder: Path, model: ScriptedModel, solver: str = "direct", key: str | None = None
) -> Settings:
    return Settings(
        miner=MinerSettings(solver=solver, llm_client=LlmClientSettings(base_url=model.base_url)),
        ledger=LedgerSettings(path=folder / "ledger.sqlite"),
        tuning=TuningSettings(folder=folder / "tuning"),
        serve=ServeSettings(port=free_port(), key=key),
    )


@asynccontextmanager
async def client_of(settings: Settings, key: str = "none") -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        opened(settings) as app,
        listening(app, settings.serve.port) as url,
        openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client,
    ):
        yield client


@asynccontextmanager
async def solved_by(
    solve: Callable[[Challenge, Deadline], object], limiter: ConcurrencyLimiter | None = None
) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of a app whose solving is `solve`."""
    app = ChatApp(solve, limiter or ConcurrencyLimiter(2), model="logicnet-test", deadline_s=60.0)  # type: ignore[arg-type]
    async with (
        listening(app, free_port()) as url,
        openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        yield client


async def asked(client: openai.AsyncOpenAI, **more: object):  # type: ignore[no-untyped-def]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    return await client.chat.completions.create(**{"model": "any", "messages": messages} | more)  # type: ignore[call-overload]


async def test_the_openai_client_gets_the_reasoning_then_the_answer(tmp_path: Path) -> None:
    async with ScriptedModel() as model, client_of(settings_of(tmp_path, model)) as client:
        models = await client.models.list()
        reply = await asked(client)
    assert [one.id for one in models.data] == ["logicnet-direct"]
    text = reply.choices[0].message.content
    assert text.startswith("Half of 48 is 24.")
    assert text.endswith("The answer is 72.\n#### 72")
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.logicnet["answer"], reply.logicnet["outcome"]) == ("72", "solved")
    assert "votes" not in reply.logicnet
    assert QUESTION in json.dumps(model.chats)
    assert "Be brief" not in json.dumps(model.chats)


async def test_a_stream_is_the_same_text_in_pieces(tmp_path: Path) -> None:
    async with ScriptedModel() as model, client_of(settings_of(tmp_path, model)) as client:
        whole = (await asked(client)).choices[0].message.content
        chunks = [chunk async for chunk in await asked(client, stream=True)]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == whole
    assert sum(map(bool, pieces)) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


async def test_votes_come_on_request(tmp_path: Path) -> None:
    async with ScriptedModel() as model, client_of(settings_of(tmp_path, model, "race")) as client:
        reply = await asked(client, extra_body={"votes": True, "deadline_s": 20})
    votes = reply.logicnet["votes"]
    assert votes["chosen"]
    assert {vote["key"] for vote in votes["lanes"]} >= {votes["chosen"]}


async def test_null_is_the_default_of_every_field(tmp_path: Path) -> None:
    nothing = dict.fromkeys(name for name in ChatRequest.model_fields if name != "messages")
    async with ScriptedModel() as model, client_of(settings_of(tmp_path, model)) as client:
        reply = await asked(client, extra_body=nothing)
    assert reply.logicnet["answer"] == "72"
    assert "votes" not in reply.logicnet


async def test_a_question_that_is_asked_twice_at_once_is_solved_once(tmp_path: Path) -> None:
    async with ScriptedModel(goes_on=asyncio.Event()) as model, opened(settings_of(tmp_path, model)) as app:
        await solved_twice(app._solve, model)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_that_goes_away_ends_its_solving(tmp_path: Path, stream: bool) -> None:
    async with (
        asyncio.timeout(30),
        ScriptedModel() as model,
        client_of(settings_of(tmp_path, model)) as client,
    ):
        while not model.chats or model.running:  # the probe of the start
            await asyncio.sleep(0.01)
        model.mode = Mode.HANG_IN_TEXT
        asking = asyncio.create_task(_read(client, stream))
        while not model.running:
            await asyncio.sleep(0.01)
        asking.cancel()
        await model.idle()
    assert model.hung_up == 1


async def _read(client: openai.AsyncOpenAI, stream: bool) -> None:
    reply = await asked(client, stream=stream)
    if stream:
        async for _ in reply:
            pass


async def test_the_deadline_is_of_the_field_or_the_header_or_the_setting() -> None:
    allowed: list[float] = []

    async def solve(_: Challenge, deadline: Deadline) -> Solution:
        allowed.append(round(deadline.total_s(), 3))
        return Solution(Answer("One.", "1"), "solved")

    async with solved_by(solve) as client:
        await asked(client)
        await asked(client, extra_headers={"X-Deadline-S": "7.5"})
        await asked(client, extra_headers={"X-Deadline-S": "7.5"}, extra_body={"deadline_s": 3})
    assert allowed == [60.0, 7.5, 3.0]


@pytest.mark.thorough
async def test_a_model_that_is_away_is_an_error_of_the_server(tmp_path: Path) -> None:
    async with ScriptedModel(mode=Mode.ERROR_500) as model, client_of(settings_of(tmp_path, model)) as client:
        with pytest.raises(openai.InternalServerError) as error:
            await asked(client, extra_body={"deadline_s": 5})
        with pytest.raises(openai.APIError) as in_stream:
            await _read(client.with_options(default_headers={"X-Deadline-S": "5"}), stream=True)
    assert error.value.status_code == 503
    assert error.value.code == in_stream.value.code == "unsolved"
    assert error.value.body["message"].startswith("No answer: ")  # type: ignore[index]


async def test_a_question_too_many_is_told_to_come_back() -> None:
    go_on, running = asyncio.Event(), asyncio.Event()

    async def solve(_: Challenge, __: Deadline) -> Solution:
        running.set()
        await go_on.wait()
        return Solution(Answer("One.", "1"), "solved")

    async with solved_by(solve, ConcurrencyLimiter(1, waiting_limit=0)) as client:
        first = asyncio.create_task(asked(client))
        await running.wait()
        with pytest.raises(openai.RateLimitError) as error:
            await asked(client)
        go_on.set()
        assert (await first).choices[0].message.content.endswith("#### 1")
    assert error.value.response.headers["retry-after"] == "5"


async def test_a_stream_that_has_no_text_yet_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logicnet.serve.app.ALIVE_S", 0.01)
    go_on = asyncio.Event()

    async def solve(_: Challenge, __: Deadline) -> Solution:
        await go_on.wait()
        return Solution(Answer("One.", "1"), "solved")

    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True}
    async with (
        solved_by(solve) as client,
        httpx2.AsyncClient() as plain,
        plain.stream("POST", f"{client.base_url}chat/completions", json=body) as reply,
    ):
        lines = [line async for line in _until_alive(reply, go_on)]
    assert lines.count(": solving") >= 3
    assert lines[-2] == "data: [DONE]"


async def _until_alive(reply: httpx2.Response, go_on: asyncio.Event) -> AsyncIterator[str]:
    comments = 0
    async for line in reply.aiter_lines():
        comments += line == ": solving"
        if comments == 3:
            go_on.set()
        yield line


async def test_a_bug_is_one_line_that_quotes_nothing() -> None:
    async def solve(challenge: Challenge, _: Deadline) -> Solution:
        raise ValueError(challenge.question)

    async with solved_by(solve) as client:
        for stream in (False, True):
            with pytest.raises(openai.APIError) as error:
                await _read(client, stream)
            assert (error.value.code, error.value.body["message"]) == ("broken", "Internal error.")  # type: ignore[index]


async def test_with_a_key_others_are_kept_out(tmp_path: Path) -> None:
    async with ScriptedModel() as model, client_of(settings_of(tmp_path, model, key=KEY), KEY) as client:
        assert (await asked(client)).choices[0].message.content.endswith("#### 72")
        asked_before = len(model.chats)
        for key in ("none", KEY[:-1], f"{KEY}x"):
            with pytest.raises(openai.AuthenticationError) as error:
                await client.with_options(api_key=key).models.list()
            with pytest.raises(openai.AuthenticationError):
                await asked(client.with_options(api_key=key))
    assert error.value.code == "invalid_api_key"
    assert KEY not in str(error.value)
    assert len(model.chats) == asked_before


def test_without_a_key_it_listens_on_the_loopback_only() -> None:
    with pytest.raises(SettingsError, match=r"--serve\.host 0\.0\.0\.0.*set --serve\.key"):
        run(Settings(serve=ServeSettings(host="0.0.0.0")))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def solve(_: Challenge, __: Deadline) -> Solution:
        return Solution(Answer("One.", "1"), "solved")

    app = ChatApp(solve, ConcurrencyLimiter(2), model="logicnet-test", deadline_s=60.0)
    async with listening(app, free_port()) as found:
        yield found


USER = {"role": "user", "content": "1 + 1?"}
BAD = [
    (b"", 400),
    (b"not JSON", 400),
    (b"[1]", 400),
    (b"\xff\xfe", 400),
    ({}, 400),
    ({"messages": []}, 400),
    ({"messages": "1 + 1?"}, 400),
    ({"messages": [{"role": "system", "content": "Be brief."}]}, 400),
    ({"messages": [{"role": "user", "content": "  \n"}]}, 400),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, 400),
    ({"messages": [USER], "n": 2}, 400),
    ({"messages": [USER], "tools": [{"type": "function"}]}, 400),
    ({"messages": [USER], "stream": "perhaps"}, 400),
    ({"messages": [USER], "deadline_s": 0}, 400),
    ({"messages": [USER], "deadline_s": 601}, 400),
    (b'{"messages": [{"role": "user", "content": "1?"}], "deadline_s": NaN}', 400),
    ({"messages": [{"role": "user", "content": "1" * 300_000}]}, 413),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("body", "status"), BAD)
async def test_a_bad_body_is_refused_in_one_line(url: str, body: object, status: int) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx2.AsyncClient() as client:
        reply = await client.post(f"{url}/chat/completions", content=data)
        again = await client.post(f"{url}/chat/completions", json={"messages": [USER]})
    error = reply.json()["error"]
    assert reply.status_code == status
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"].isprintable()
    assert again.status_code == 200


@pytest.mark.thorough
@pytest.mark.parametrize("seconds", ["", "0", "-1", "nan", "inf", "601", "soon"])
async def test_a_bad_deadline_in_the_header_is_refused(url: str, seconds: str) -> None:
    async with httpx2.AsyncClient(headers={"X-Deadline-S": seconds}) as client:
        reply = await client.post(f"{url}/chat/completions", json={"messages": [USER]})
    assert reply.status_code == 400
    assert "X-Deadline-S" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/chat/completions", {}, 405),
        ("POST", "/models", {}, 405),
        ("GET", "/models/other", {}, 404),
        ("POST", "/completions", {}, 404),
        ("GET", "/models", {"Host": "evil.example"}, 403),
        ("GET", "/models", {"Origin": "https://evil.example"}, 403),
    ],
)
async def test_other_requests_are_refused(
    url: str, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with httpx2.AsyncClient(headers=headers) as client:
        reply = await client.request(method, f"{url}{path}")
    assert reply.status_code == status
    assert reply.json()["error"]["message"].isprintable()


@pytest.mark.thorough
def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    port = free_port()
    words = [
        "--serve.port",
        str(port),
        "--miner.solver",
        "constant",
        "--ledger.path",
        str(tmp_path / "l.sqlite"),
    ]
    argv = [sys.executable, "-m", "logicnet", "serve", *words, "--tuning.folder", str(tmp_path / "tuning")]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as started:
        try:
            assert started.stderr is not None
            assert any(f"http://127.0.0.1:{port}/v1" in line for line in started.stderr)
            with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:
                reply = client.chat.completions.create(
                    model="any", messages=[{"role": "user", "content": QUESTION}]
                )
            assert "#### " in (reply.choices[0].message.content or "")
            started.send_signal(signal.SIGTERM)
            assert started.wait(30) == 0
        finally:
            started.kill()
