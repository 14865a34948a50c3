"""Gate: who may see the page. It stands before everything, the page's live connection included.

Without a password the page is for this machine alone, and only under a name of it: a page of somebody
else's whose name leads here (DNS rebinding) gets nothing. With one, whoever knows it gets a session. Wrong
guesses lock the door for a while that doubles, for the address they come from; and for everybody who has no
session yet where they come from many.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from logicnet.deadline import Clock
from logicnet.operate.telemetry.server import host_of, is_loopback

COOKIE = "logicnet_console"
SESSION_S = 12 * 3600.0
MOST_SESSIONS = 64

FREE_GUESSES = 5
"""Wrong ones in a row that cost nothing: a slip of the finger, or of the memory."""

LONGEST_LOCK_S = 300.0
MOST_ADDRESSES = 1024
MOST_GUESSES = 60
"""Wrong ones from all addresses within a minute: 86,400 a day, against 12 characters."""

_MINUTE_S = 60.0
_MOST_BODY = 4096
_BODY_S = 10.0  # for all of it to come

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guesses:
    """Wrong guesses, by address and in all, and for how long they lock the door."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, locked until
        self._all: list[float] = []  # of the last minute

    def locked_s(self, address: str) -> float:
        """Seconds for which no guess from `address` is looked at; 0 if the next one is."""
        now_s = self._clock()
        _, until_s = self._wrong.get(address, (0, 0.0))
        self._all = [at_s for at_s in self._all if now_s - at_s < _MINUTE_S]
        crowded_s = self._all[-MOST_GUESSES] + _MINUTE_S - now_s if len(self._all) >= MOST_GUESSES else 0.0
        return max(0.0, until_s - now_s, crowded_s)

    def wrong(self, address: str) -> None:
        now_s = self._clock()
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        lock_s = 0.0
        if count >= FREE_GUESSES:
            lock_s = min(LONGEST_LOCK_S, 2.0 ** min(count - FREE_GUESSES, 16))
        self._wrong[address] = (count, now_s + lock_s)
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        self._all.append(now_s)

    def right(self, address: str) -> None:
        self._wrong.pop(address, None)


class Gate:
    """An ASGI application around another."""

    def __init__(self, app: App, password: str | None, clock: Clock = time.monotonic) -> None:
        self._app = app
        self._digest = _digest(password) if password is not None else None
        self._clock = clock
        self._guesses = Guesses(clock)
        self._sessions: OrderedDict[str, float] = OrderedDict()  # digest of a token: when it ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not self._is_own(headers, scope["type"]):
            await _turn_away(scope, receive, send, 403, "Not from there.")
        elif self._digest is None or self._has_session(headers):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._ask(scope, receive, send)
        else:
            await _turn_away(scope, receive, send, 403, "")

    def _is_own(self, headers: dict[bytes, bytes], kind: str) -> bool:
        host = headers.get(b"host", b"")
        if self._digest is None and not is_loopback(host_of(host)):
            return False
        origin = headers.get(b"origin")
        if origin is None:
            return True
        # Another site's page may neither use our live connection nor guess through its visitors' browsers.
        try:
            return urlsplit(origin.decode("latin-1")).netloc.lower() == host.decode("latin-1").lower()
        except ValueError:  # no address at all
            return False

    def _has_session(self, headers: dict[bytes, bytes]) -> bool:
        token = _digest(_token(headers.get(b"cookie", b""))).hex()
        ends_s = self._sessions.get(token)
        if ends_s is not None and ends_s <= self._clock():
            del self._sessions[token]
            ends_s = None
        return ends_s is not None

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/login" and scope["method"] == "POST":
            await self._guess(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD") and scope["path"] in ("/", "/login"):
            await _reply(send, 401, _login(""))
        else:
            await _turn_away(scope, receive, send, 401, "Sign in first.")

    async def _guess(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        try:
            async with asyncio.timeout(_BODY_S):
                body = await _body(receive)
        except TimeoutError:
            await _reply(send, 408, b"", (b"connection", b"close"))
            return
        # Locked means that not even the right one is looked at, or a lock would tell when it was right.
        locked_s = self._guesses.locked_s(address)
        if locked_s > 0:
            wait = str(int(locked_s) + 1)
            told = f"Too many wrong guesses. Try again in {wait} s."
            await _reply(send, 429, _login(told), (b"retry-after", wait.encode()))
            return
        guess = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]
        if self._digest is None or not hmac.compare_digest(_digest(guess), self._digest):
            self._guesses.wrong(address)
            await _reply(send, 401, _login("That is not it."))
            return
        self._guesses.right(address)
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token).hex()] = self._clock() + SESSION_S
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={SESSION_S:.0f}{secure}"
        await _reply(send, 303, b"", (b"location", b"/"), (b"set-cookie", cookie.encode()))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _token(cookies: bytes) -> str:
    """Ours among a browser's cookies, or "". Other programs of this host write theirs as they like."""
    pairs = (pair.strip().partition("=") for pair in cookies.decode("latin-1").split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _login(told: str) -> bytes:
    page = (files("logicnet.operate.console") / "login.html").read_text(encoding="utf-8")
    return page.replace("TOLD", html.escape(told)).encode()


async def _body(receive: Receive) -> bytes:
    """What was sent, as far as it is short enough to be a password."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        body += bytes(message.get("body", b""))
        if len(body) > _MOST_BODY:
            return b""
        if not message.get("more_body"):
            return body


async def _reply(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-frame-options", b"DENY"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _turn_away(scope: Scope, receive: Receive, send: Send, status: int, told: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        await _reply(send, status, html.escape(told).encode())
