"""The gate, called as a server would; time is scripted."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from logicnet.operate.console.gate import (
    FREE_GUESSES,
    LONGEST_LOCK_S,
    MOST_ADDRESSES,
    MOST_GUESSES,
    Guesses,
    gate,
)

PASSWORD = "correct horse battery"


class Time:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Door:
    """A gate, what is behind it, and somebody who knocks."""

    def __init__(self, password: str | None = PASSWORD) -> None:
        self.time = Time()
        self.inside = 0
        self.gate = gate(self._app, password, clock=self.time)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def knock(
        self,
        path: str = "/",
        *,
        kind: str = "http",
        body: bytes = b"",
        address: str = "10.0.0.9",
        host: str = "127.0.0.1:8350",
        scheme: str = "http",
        **headers: str,
    ) -> tuple[int, dict[str, str]]:
        sent: list[Any] = []
        pairs = [(name.encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
        method = "POST" if body else "GET"
        scope = {"type": kind, "path": path, "method": method, "headers": pairs, "client": (address, 1)}
        scope |= {"scheme": scheme, "query_string": b""}

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gate(scope, receive, send)
        first = sent[0]
        found = {name.decode(): value.decode() for name, value in first.get("headers", [])}
        return first.get("status", first.get("code")), found

    async def guess(self, password: str, address: str = "10.0.0.9") -> tuple[int, dict[str, str]]:
        return await self.knock("/login", body=urlencode({"password": password}).encode(), address=address)


@pytest.mark.parametrize("password", [PASSWORD, None])
async def test_every_reply_says_what_the_page_may_load_and_who_may_frame_it(password: str | None) -> None:
    door = Door(password)
    for path in ("/", "/login", "/static/x.js"):
        _, headers = await door.knock(path)
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


async def test_who_knows_the_password_gets_in_and_stays() -> None:
    door = Door()
    assert (await door.knock())[0] == 401 and door.inside == 0
    assert (await door.guess("wrong"))[0] == 401
    status, headers = await door.guess(PASSWORD)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "httponly; samesite=strict" in cookie and "secure" not in cookie and PASSWORD not in cookie
    session = {"cookie": cookie.partition(";")[0]}
    assert (await door.knock(**session))[0] == 200
    assert (await door.knock("/_nicegui_ws/socket.io", kind="websocket", **session))[0] == 200
    door.time.now_s += 13 * 3600
    assert (await door.knock(**session))[0] == 401


async def test_behind_tls_the_cookie_is_secure_and_opens_both_schemes() -> None:
    door = Door()
    body = urlencode({"password": PASSWORD}).encode()
    _, headers = await door.knock("/login", body=body, scheme="https")
    assert headers["set-cookie"].endswith("; secure")
    session = {"cookie": headers["set-cookie"].partition(";")[0]}
    assert (await door.knock(scheme="https", **session))[0] == 200
    assert (await door.knock("/_nicegui_ws/x", kind="websocket", scheme="wss", **session))[0] == 200


async def test_a_session_of_another_start_or_with_other_content_is_refused() -> None:
    _, headers = await Door().guess(PASSWORD)
    cookie = headers["set-cookie"].partition(";")[0]
    door = Door()
    assert (await door.knock(cookie=cookie))[0] == 401
    _, headers = await door.guess(PASSWORD)
    name, _, value = headers["set-cookie"].partition(";")[0].partition("=")
    forged = b64encode(b'{"until_s": 1e18}').decode() + value[value.index(".") :]
    assert (await door.knock(cookie=f"{name}={forged}"))[0] == 401
    assert (await door.knock(cookie=f"{name}={value}"))[0] == 200


@pytest.mark.parametrize("others", ['prefs={"a":1}', "version=2", "a b=c", "path=x", "\xe9", "=", ""])
async def test_cookies_of_other_programs_are_none_of_its_business(others: str) -> None:
    """Browsers send what any port of this host has set, the oldest first."""
    door = Door()
    _, headers = await door.knock("/login", body=urlencode({"password": PASSWORD}).encode())
    ours = headers["set-cookie"].partition(";")[0]
    assert (await door.knock(cookie=f"{others}; {ours}"))[0] == 200
    assert (await door.knock(cookie=others))[0] == 401


@pytest.mark.parametrize("path", ["/", "/login", "/_nicegui/x.js", "/_nicegui_ws/socket.io/", "//", "/../"])
async def test_nothing_is_seen_without_it(path: str) -> None:
    door = Door()
    assert (await door.knock(path))[0] == 401
    assert (await door.knock(path, kind="websocket"))[0] == 403
    assert (await door.knock(path, cookie="logicnet_console=x"))[0] == 401
    assert (await door.knock(path, cookie="\x00;;=;logicnet_console"))[0] == 401
    assert door.inside == 0


async def test_a_bookmark_of_any_page_asks_for_the_password() -> None:
    door = Door()
    status, headers = await door.knock("/challenges/1", accept="text/html,*/*;q=0.8")
    assert (status, headers["content-type"].partition(";")[0], door.inside) == (401, "text/html", 0)
    assert (await door.knock("/_nicegui/x.js", accept="*/*"))[1]["content-type"].startswith("text/plain")


async def test_a_password_guessed_a_hundred_times_a_second_is_locked() -> None:
    """A thousand guesses in ten seconds: few are looked at, and the right one among the rest is not."""
    door = Door()
    looked_at = 0
    for number in range(1000):
        status, headers = await door.guess(PASSWORD if number == 500 else f"guess {number}")
        looked_at += status != 429
        assert status != 303
        assert (status == 429) == ("retry-after" in headers)
        door.time.now_s += 0.01
    assert looked_at <= FREE_GUESSES + 5
    door.time.now_s += LONGEST_LOCK_S
    assert (await door.guess(PASSWORD))[0] == 303


async def test_one_who_guesses_locks_out_nobody_else() -> None:
    door = Door()
    for _ in range(100):
        await door.guess("wrong", address="10.0.0.66")
    assert (await door.guess(PASSWORD, address="10.0.0.66"))[0] == 429
    assert (await door.guess(PASSWORD, address="10.0.0.9"))[0] == 303


async def test_guesses_from_many_addresses_are_bounded_in_all() -> None:
    door = Door()
    looked_at = 0
    for number in range(1000):
        looked_at += (await door.guess("wrong", address=f"10.0.{number // 250}.{number % 250}"))[0] == 401
    assert looked_at == MOST_GUESSES
    door.time.now_s += 61
    assert (await door.guess(PASSWORD))[0] == 303


def test_the_lock_doubles_up_to_a_bound_and_addresses_are_forgotten() -> None:
    time = Time()
    guesses = Guesses(time)
    locks = []
    for _ in range(20):
        guesses.wrong("a")
        locks.append(guesses.locked_s("a"))
        time.now_s += 400
    assert locks[: FREE_GUESSES - 1] == [0.0] * (FREE_GUESSES - 1)
    assert locks[FREE_GUESSES - 1 : FREE_GUESSES + 2] == [1.0, 2.0, 4.0]
    assert locks[-1] == LONGEST_LOCK_S
    for number in range(MOST_ADDRESSES + 10):
        guesses.wrong(f"b{number}")
        time.now_s += 2
    assert len(guesses._wrong) == MOST_ADDRESSES


async def test_without_a_password_it_is_for_names_of_this_machine_alone() -> None:
    door = Door(password=None)
    assert (await door.knock())[0] == 200
    assert (await door.knock(host="localhost:8350"))[0] == 200
    assert (await door.knock(host="[::1]:8350"))[0] == 200
    assert (await door.knock(host="localhost.evil.example"))[0] == 400
    assert (await door.knock(kind="websocket", host="evil.example"))[0] == 400
    assert (await door.knock(host="evil.example"))[0] == 400
    assert (await door.knock(host=""))[0] == 400


async def test_another_sites_page_may_not_use_the_live_connection() -> None:
    door = Door(password=None)
    assert (await door.knock(kind="websocket", origin="http://evil.example"))[0] == 403
    assert (await door.knock(kind="websocket", origin="http://127.0.0.1:8350"))[0] == 200
    for nonsense in ("null", "http://[", "\u00e9"):
        assert (await door.knock(origin=nonsense))[0] == 403


async def test_a_body_without_end_is_no_guess() -> None:
    door = Door()
    assert (await door.knock("/login", body=b"password=" + b"x" * 10_000))[0] == 401


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logicnet.operate.console.gate._BODY_S", 0.01)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/login", "method": "POST", "headers": [], "client": ("10.0.0.9", 1)}
    await Door().gate(scope, receive, send)
    assert sent[0]["status"] == 408
