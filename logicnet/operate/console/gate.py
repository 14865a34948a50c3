"""The checks before the page and its live connection.

Without a password only this machine gets in, by a loopback name: a foreign name that resolves to this
machine (DNS rebinding) is refused. With a password, a correct login opens a signed session. Wrong guesses
lock the login for a time that doubles, per address, and for everybody beyond `MOST_GUESSES` a minute. Open
sessions are not affected by a lock.
"""

import asyncio
import hashlib
import hmac
import html
import secrets
import time
from collections import OrderedDict
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logicnet.deadline import Clock

COOKIE = "logicnet_console"
SESSION_S = 12 * 3600.0

FREE_GUESSES = 5  # Wrong guesses in a row before the first lock: room for typing errors
LONGEST_LOCK_S = 300.0
MOST_ADDRESSES = 1024
MOST_GUESSES = 60
"""Wrong guesses a minute from all addresses: 86,400 a day, against 12 characters."""

_HEADERS = {
    # NiceGUI's page compiles templates, and styles its elements one by one.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a login form would send the origin "null"
}

_MINUTE_S = 60.0
_MOST_BODY = 4096
_BODY_S = 10.0  # seconds in which the whole body must arrive
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")


def gate(
    app: ASGIApp, password: str | None, host: str = "127.0.0.1", clock: Clock = time.monotonic
) -> ASGIApp:
    """`app` behind all checks. `host` is the bound address; without a password it must be loopback."""
    if password is None:
        names = [*_LOOPBACK_NAMES, host]
        return _with_headers(TrustedHostMiddleware(_same_origin(app), allowed_hosts=names))
    login = _Login(app, password, clock)
    key = secrets.token_urlsafe(32)  # a restart ends every session
    sessions = {
        secure: SessionMiddleware(
            login, key, COOKIE, max_age=int(SESSION_S), same_site="strict", https_only=secure
        )
        for secure in (False, True)
    }

    async def by_scheme(scope: Scope, receive: Receive, send: Send) -> None:
        await sessions[scope.get("scheme") in ("https", "wss")](scope, receive, send)

    return _with_headers(_same_origin(by_scheme))


def _with_headers(app: ASGIApp) -> ASGIApp:
    """Adds `_HEADERS` to each reply: what the page may load, and who may frame it."""

    async def headed(scope: Scope, receive: Receive, send: Send) -> None:
        async def heading(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await app(scope, receive, heading if scope["type"] == "http" else send)

    return headed


def _same_origin(app: ASGIApp) -> ASGIApp:
    """Refuses requests of other sites' pages: for the live connection, and for guesses by their visitors."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        same = scope["type"] == "lifespan" or _is_same_origin(HTTPConnection(scope))
        found = app if same else PlainTextResponse("Requests of other sites are refused.", 403)
        await found(scope, receive, send)

    return checked


class _Login:
    """Asks for the password where the session is not logged in."""

    def __init__(self, app: ASGIApp, password: str, clock: Clock) -> None:
        self._app = app
        self._digest = _digest(password)
        self._clock = clock
        self._guesses = Guesses(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._clock() < scope["session"].get("until_s", 0.0):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await PlainTextResponse("Log in first.", 403)(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if (request.method, request.scope["path"]) == ("POST", "/login"):
            return await self._guess(request)
        for_a_person = "text/html" in request.headers.get("accept", "")
        if request.method in ("GET", "HEAD") and (for_a_person or request.scope["path"] in ("/", "/login")):
            return _login_page("", 401)
        return PlainTextResponse("Log in first.", 401)

    async def _guess(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        try:
            async with asyncio.timeout(_BODY_S):
                guess = await _password(request)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408, headers={"connection": "close"})
        # During a lock even the correct password is refused: otherwise the reply would reveal it.
        if (locked_s := self._guesses.locked_s(address)) > 0:
            wait_s = str(int(locked_s) + 1)
            return _login_page(f"Too many wrong guesses. Try again in {wait_s} s.", 429, wait_s)
        if not hmac.compare_digest(_digest(guess), self._digest):
            self._guesses.wrong(address)
            return _login_page("Wrong password.", 401)
        self._guesses.right(address)
        request.session["until_s"] = self._clock() + SESSION_S
        return RedirectResponse("/", 303)


class Guesses:
    """Counts wrong guesses, by address and in all, and says how long they lock the login."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, end of the lock
        self._all: list[float] = []  # times of the last minute

    def locked_s(self, address: str) -> float:
        """Seconds for which guesses from `address` are refused unread; 0 if the next one is read."""
        now_s = self._clock()
        _, until_s = self._wrong.get(address, (0, 0.0))
        self._all = [at_s for at_s in self._all if now_s - at_s < _MINUTE_S]
        crowded_s = self._all[-MOST_GUESSES] + _MINUTE_S - now_s if len(self._all) >= MOST_GUESSES else 0.0
        return max(0.0, until_s - now_s, crowded_s)

    def wrong(self, address: str) -> None:
        now_s = self._clock()
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        over = count - FREE_GUESSES
        lock_s = min(LONGEST_LOCK_S, 2.0 ** min(over, 16)) if over >= 0 else 0.0
        self._wrong[address] = (count, now_s + lock_s)
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        self._all.append(now_s)

    def right(self, address: str) -> None:
        self._wrong.pop(address, None)


def _is_same_origin(connection: HTTPConnection) -> bool:
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    except ValueError:  # not a URL
        return False


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


async def _password(request: Request) -> str:
    """The password of a login form; "" if the body is too long for one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]


def _login_page(message: str, status: int, retry_after_s: str | None = None) -> Response:
    page = (files("logicnet.operate.console") / "login.html").read_text(encoding="utf-8")
    headers = {"cache-control": "no-store"}
    if retry_after_s is not None:
        headers["retry-after"] = retry_after_s
    return HTMLResponse(page.replace("MESSAGE", html.escape(message)), status, headers)
