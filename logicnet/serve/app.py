"""ChatApp: the ASGI application. Chat completions in, answers of the solver out, as OpenAI's API words them.

`__call__` turns every error into a reply: `{"error": {"message": one line, "type", "param", "code"}}`.
"""

import asyncio
import hmac
import itertools
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from loguru import logger

from logicnet._util.net import is_loopback
from logicnet._util.tasks import retrieved
from logicnet._util.text import one_line
from logicnet.axon import ConcurrencyLimiter
from logicnet.axon.app import Solve
from logicnet.axon.http import CLOSE, Body, CallerGone, HttpReply, Receive, Scope, Send, reply
from logicnet.axon.wire import parse
from logicnet.deadline import Deadline
from logicnet.errors import Reason, Refusal
from logicnet.operate.telemetry.server import host_of
from logicnet.protocol import Challenge
from logicnet.serve.messages import LONGEST_DEADLINE_S, ChatRequest, content, details, finish_reason
from logicnet.solver.answering import Solution, unsolved

DEADLINE = b"x-deadline-s"
"""The header that sets seconds until the reply, where the body has no `deadline_s`."""

ALIVE_S = 10.0
"""Between two comments in a stream that has no text yet: proxies cut silent connections."""

_RETRY_AFTER_S = b"5"

_STATUS = {Reason.BAD_BODY: 400, Reason.FULL: 429}
"""OpenAI's statuses, where they are not the axon's."""

_CODES = {Reason.NOT_VERIFIED: "invalid_api_key", Reason.FULL: "rate_limit_exceeded"}


class Unsolved(Exception):
    """Not a word was written for the question. The text is one line."""


class ChatApp:
    """See the module. `key`: what callers must send as `Authorization: Bearer KEY`.

    Without a key only programs on this machine may call, which the server ensures by its address and this by
    the request's headers.
    """

    def __init__(
        self,
        solve: Solve,
        limiter: ConcurrencyLimiter,
        *,
        model: str,
        deadline_s: float,
        key: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._solve = solve
        self._limiter = limiter
        self.model = model
        self._deadline_s = deadline_s
        self._key = None if key is None else f"Bearer {key}".encode()
        self._clock = clock
        self._began_s = int(clock())
        self._ids = map(f"chatcmpl-{self._began_s:x}-{{}}".format, itertools.count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a WebSocket; the server has no lifespan
            await send({"type": "websocket.close", "code": 1008})
            return
        body = Body(receive)
        try:
            answer = await self._answered(scope, body, send)
        except CallerGone:
            return
        except Exception as error:
            # Closing a connection with unread bytes would lose the reply.
            complete = b"expect" not in dict(scope["headers"]) and await body.drain()
            answer = _refused(error, *([] if complete else [CLOSE]))
        if answer is not None:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})

    async def _answered(self, scope: Scope, body: Body, send: Send) -> HttpReply | None:
        """The reply; None if it was streamed."""
        headers = dict(scope["headers"])
        self._admit(headers)
        path, method = scope["path"].rstrip("/"), scope["method"]
        if path in ("/v1/models", f"/v1/models/{self.model}"):
            _require(method, "GET")
            card = {"id": self.model, "object": "model", "created": self._began_s, "owned_by": "logicnet"}
            return reply(200, card if path != "/v1/models" else {"object": "list", "data": [card]})
        if path != "/v1/chat/completions":
            raise Refusal(Reason.UNKNOWN_SYNAPSE, "Paths: /v1/chat/completions, /v1/models.")
        _require(method, "POST")
        started = Deadline.after(0.0)
        asked = parse(ChatRequest, await body.read())
        challenge = Challenge(asked.question())
        self._limiter.check(0.0)
        seconds = asked.deadline_s or _seconds(headers) or self._deadline_s
        deadline = Deadline(started.start_s, started.start_s + seconds)
        if asked.stream:
            await self._stream(asked, challenge, deadline, body, send)
            return None
        solution = await self._solved(challenge, deadline, body)
        message = {"role": "assistant", "content": content(solution.answer)}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason(solution)}
        told = details(solution, deadline.elapsed_s(), votes=bool(asked.votes))
        return reply(200, self._envelope("chat.completion") | {"choices": [choice], "logicnet": told})

    def _admit(self, headers: dict[bytes, bytes]) -> None:
        """Refusal NOT_VERIFIED or NOT_PERMITTED unless the caller may ask."""
        if self._key is not None:
            if not hmac.compare_digest(headers.get(b"authorization", b""), self._key):
                raise Refusal(
                    Reason.NOT_VERIFIED,
                    "Header Authorization: Bearer KEY is missing or wrong: KEY is --serve.key of the server.",
                )
        elif b"origin" in headers or not is_loopback(host_of(headers.get(b"host", b""))):
            # A page in a browser of this machine reaches the loopback too, by a name that it controls.
            raise Refusal(
                Reason.NOT_PERMITTED, "Only programs on this machine may ask: set --serve.key for others."
            )

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": next(self._ids), "object": kind, "created": int(self._clock()), "model": self.model}

    async def _stream(
        self, asked: ChatRequest, challenge: Challenge, deadline: Deadline, body: Body, send: Send
    ) -> None:
        """Server-sent events: the text a paragraph each, once it is there; comments until then."""
        envelope = self._envelope("chat.completion.chunk")

        async def write(data: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": more})

        async def event(delta: dict[str, str], ended: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": ended}
            await write(b"data: %b\n\n" % orjson.dumps(envelope | {"choices": [choice]} | more))

        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await event({"role": "assistant", "content": ""})
        try:
            solution = await self._solved(challenge, deadline, body, lambda: write(b": solving\n\n"))
        except CallerGone:
            raise
        except Exception as error:  # the status is sent, so clients are told in an event
            await write(b"data: %b\n\ndata: [DONE]\n\n" % _refused(error).body, more=False)
            return
        for piece in content(solution.answer).splitlines(keepends=True):
            await event({"content": piece})
        told = details(solution, deadline.elapsed_s(), votes=bool(asked.votes))
        await event({}, finish_reason(solution), logicnet=told)
        await write(b"data: [DONE]\n\n", more=False)

    async def _solved(
        self,
        challenge: Challenge,
        deadline: Deadline,
        body: Body,
        alive: Callable[[], Awaitable[None]] | None = None,
    ) -> Solution:
        """The solution; `alive` is called now and then meanwhile.

        Raises CallerGone, and ends the solving, if the caller hangs up; Refusal FULL without a slot in time;
        Unsolved.
        """
        solving = asyncio.create_task(self._in_slot(challenge, deadline))
        hanging_up = asyncio.create_task(body.hung_up())
        try:
            while not solving.done():
                await asyncio.wait(
                    (solving, hanging_up), timeout=ALIVE_S, return_when=asyncio.FIRST_COMPLETED
                )
                if hanging_up.done():
                    raise CallerGone
                if alive is not None and not solving.done():
                    await alive()
            solution = solving.result()
        finally:
            for task in (solving, hanging_up):
                task.add_done_callback(retrieved)
                task.cancel()
        if solution.answer == unsolved("failed", "").answer:
            raise Unsolved(f"No answer: {solution.error}.")
        return solution

    async def _in_slot(self, challenge: Challenge, deadline: Deadline) -> Solution:
        if not await self._limiter.acquire(0.0, deadline):
            raise Refusal(Reason.FULL, "No slot became free in time; ask again later.")
        try:
            return await self._solve(challenge, deadline)
        finally:
            self._limiter.release()


def _require(method: str, wanted: str) -> None:
    if method != wanted:
        raise Refusal(Reason.BAD_METHOD, f"This path is asked with {wanted}.")


def _seconds(headers: dict[bytes, bytes]) -> float | None:
    """The header `x-deadline-s`; None without it. Refusal BAD_TIMEOUT."""
    if (given := headers.get(DEADLINE)) is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_DEADLINE_S:
        raise Refusal(
            Reason.BAD_TIMEOUT,
            f"Header X-Deadline-S must be a number of seconds above 0 and up to {LONGEST_DEADLINE_S:g}.",
        )
    return seconds


def _refused(error: Exception, *extra: tuple[bytes, bytes]) -> HttpReply:
    """The reply to a caller whose request ended in `error`."""
    if isinstance(error, Refusal):
        status, code = _STATUS.get(error.reason, error.reason.status), _CODES.get(error.reason, error.reason)
        message = error.message
    elif isinstance(error, Unsolved):
        status, code, message = 503, "unsolved", str(error)
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        # Without its message, which may quote the question.
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        logger.error("A bug ended a request: {} at {}", type(error).__name__, where)
        status, code, message = 500, "broken", "Internal error."
    if status == 429:
        extra = (*extra, (b"retry-after", _RETRY_AFTER_S))
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    told = {"message": one_line(message), "type": kind, "param": None, "code": code}
    return reply(status, {"error": told}, *extra)
