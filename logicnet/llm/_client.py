"""Client: the openai package, imported late, with plain JSON in and out, and its errors translated once.

No other module knows which HTTP library is used. An error never repeats what a server wrote, because servers
quote prompts and keys.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from logicnet.errors import ModelAway, ModelError, SettingsError

if TYPE_CHECKING:
    import ssl

    import openai

_CONNECT_S = 5.0
"""A running server accepts within milliseconds. A connection that drops packets is better opened again."""

_KEEPALIVE_S = 4.0
"""vLLM (uvicorn) closes idle connections after 5 s; ours close first, so that no closing one is used."""

_TO_END_S = 0.02
"""The end of a reply comes with its last event. A server that holds it back is not waited for."""

_HERE = ("127.0.0.1", "localhost", "[::1]")  # HTTP_PROXY does not apply to the loopback
_MOST_CONNECTIONS = 1024
_LONGEST_REASON = 2000  # characters
_LINES_AT_ONCE = 32  # before others have their turn: a millisecond of events that came together
_MOST_LINE = 1 << 20  # bytes of one event; a token with its metadata takes 300


class ModelRefused(ModelError):
    """The server answered with a status of 400 or more. `said` may hold secrets: never show it."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status = status
        self.said = said


class Client:
    """One OpenAI-compatible server. Every method raises ModelError and nothing else."""

    def __init__(self, base_url: str, key: SecretStr | None) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                "--miner.llm_client.base_url takes an http:// or https:// address such as "
                f"http://127.0.0.1:8000/v1, not {parts.scheme or 'an address without a scheme'!r}"
            )
        self.place = parts.netloc.rpartition("@")[2]
        self._base_url = base_url
        self._root = base_url.rstrip("/").removesuffix("/v1")
        self._key = key
        self._openai: openai.AsyncOpenAI | None = None

    async def json(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """JSON of a path below the base URL; with a body posted outside `/v1`, where vLLM has its own."""
        client = await self.ready()
        try:
            if body is None:
                return await client.get(path, cast_to=object)
            return await client.post(self._root + path, body=body, cast_to=object)
        except Exception as error:  # as in `stream`
            raise self._translated(error) from error

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """The JSON events of one chat completion, up to `[DONE]` or the end of the reply.

        A server that ignores `stream` sends the whole completion as one event.

        Closing the iterator closes the connection, which stops the generation on the server.
        """
        client = await self.ready()
        # In the extra body: openai would take 5 ms of the event loop to copy the messages of a long prompt.
        known = {"model": body["model"], "messages": [], "stream": True}
        extra = {name: value for name, value in body.items() if name not in ("model", "stream")}
        try:
            async with client.chat.completions.with_streaming_response.create(
                **known, extra_body=extra
            ) as response:
                lines = _lines(response.iter_bytes())
                if response.headers.get("content-type", "").startswith("application/json"):
                    yield orjson.loads(b"\n".join([line async for line in lines]))
                    return
                async for line in lines:
                    if line.startswith(b"error:"):  # llama.cpp
                        yield {"error": orjson.loads(line[6:])}
                    if not line.startswith(b"data:"):
                        continue  # blank lines, keep-alive comments, event names
                    if line[5:].strip() == b"[DONE]":
                        await _to_end(lines)
                        return
                    yield orjson.loads(line[5:])
        except Exception as error:  # the boundary: a broken server makes HTTP clients raise anything
            raise self._translated(error) from error

    async def close(self) -> None:
        if self._openai is not None:
            await self._openai.close()

    async def ready(self) -> openai.AsyncOpenAI:
        """The client of the openai package."""
        if self._openai is None:
            # The import takes half a second: not before a model is needed, and not on the event loop.
            made = await asyncio.to_thread(self._made)
            self._openai = self._openai or made
        return self._openai

    def _made(self) -> openai.AsyncOpenAI:
        """A client that has imported whatever it needs for a request."""
        import anyio  # noqa: PLC0415  (half a second, as said)
        import openai  # noqa: PLC0415

        from logicnet.llm._bounded import bounded  # noqa: PLC0415

        limits = openai.DEFAULT_CONNECTION_LIMITS.__class__(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_S,
        )
        client = openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=(self._key.get_secret_value() if self._key else "") or "none",
            max_retries=0,  # callers decide about retries
            timeout=openai.Timeout(None, connect=_CONNECT_S),  # the deadline bounds the rest
            http_client=openai.DefaultAsyncHttpxClient(
                limits=limits,
                mounts={f"all://{host}": None for host in _HERE},
                verify=_trusted(),
                headers={"accept-encoding": "identity"},
                event_hooks={"response": [bounded]},
            ),
        )
        _ = client.chat.completions  # imported only when first read: 50 ms
        anyio.run(anyio.sleep, 0)  # so that its part for asyncio is there: 35 ms
        return client

    def _translated(self, error: Exception) -> ModelError:
        """A foreign error as one line."""
        import openai  # noqa: PLC0415  (loaded by now)

        server = f"the model server at {self.place}"
        if isinstance(error, openai.APIStatusError):
            return self.refused(error.status_code, error.body)
        if isinstance(error, openai.APIConnectionError) and _never_connected(error):
            return ModelAway(f"{server} cannot be reached (is it running?)")
        if isinstance(error, orjson.JSONDecodeError):
            return ModelError(f"{server} sent something that is not JSON")
        return ModelError(f"{server} broke off its reply ({type(error).__name__})")

    def refused(self, status: int, body: object) -> ModelRefused:
        """A refusal, with what the server gives as its reason in `body`: JSON or text."""
        said = reason(body)
        server = f"the model server at {self.place}"
        if status in (401, 403):
            message = f"{server} refuses the key ({status}); set --miner.llm_client.key or OPENAI_API_KEY"
        elif status == 404:
            message = f"{server} does not know the model or the path (404); set --miner.llm_client.model"
        else:
            message = f"{server} answered {status}"
        return ModelRefused(message, status, said)


def reason(body: object) -> str:
    """Why a server refused, as one of its fields or its text says; nothing else, which may quote the prompt.

    `{"error": {"message"}}` is OpenAI's, vLLM's and llama.cpp's form, `{"error"}` that of TGI and LM Studio,
    `{"detail"}` FastAPI's, `{"message"}` older vLLM's.
    """
    if isinstance(body, dict):
        said = next((body[name] for name in ("error", "detail", "message") if body.get(name)), "")
        context = f" (n_ctx: {body['n_ctx']})" if isinstance(body.get("n_ctx"), int) else ""
        return reason(said) + context
    if isinstance(body, list):  # FastAPI: one for each field
        return "; ".join(str(one.get("msg", "")) for one in body if isinstance(one, dict))[:_LONGEST_REASON]
    return str(body or "")[:_LONGEST_REASON]


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Certificates that servers are checked with. They are read once, because that takes 40 ms."""
    import httpx2  # noqa: PLC0415  (loaded by now)

    return httpx2.create_ssl_context()


def _never_connected(error: BaseException | None) -> bool:
    """Whether the connection could not be made, by the chain of causes."""
    while error is not None:
        if type(error).__name__ in ("ConnectError", "ConnectTimeout"):
            return True
        error = error.__cause__
    return False


async def _to_end(lines: AsyncIterator[bytes]) -> None:
    """Read to the end of the reply: only then can the connection be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_TO_END_S):
            async for _ in lines:
                pass


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines split at newlines only: JSON may hold U+2028 and others at which `splitlines` splits."""
    rest, read = b"", 0
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MOST_LINE:
            raise ValueError("a line without end")
        for line in lines:
            yield line
            read += 1
            if read % _LINES_AT_ONCE == 0:  # of whatever chunks: those that have come are read without a wait
                await asyncio.sleep(0)
    yield rest
