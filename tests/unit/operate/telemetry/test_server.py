"""The telemetry server on a real port, asked by a real client."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from logicnet.operate.telemetry.server import FRESH_S, Page, host_of, serving
from tests.harness.manual_time import ManualTime
from tests.harness.said import listening


class Pages:
    """Pages that count how often they were made, and on which thread."""

    def __init__(self) -> None:
        self.made = 0
        self.threads: set[str] = set()

    def make(self) -> bytes:
        self.made += 1
        self.threads.add(threading.current_thread().name)
        return b"so it is"

    def all(self) -> dict[str, Page]:
        return {"/metrics": Page("text/plain", self.make)}


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def port(pages: Pages, time: ManualTime, tmp_path: Path) -> Iterator[int | None]:
    address_file = tmp_path / "l.admin"
    with serving(
        pages.all(), host="127.0.0.1", port=None, address_file=address_file, clock=time.clock
    ) as port:
        yield port


@pytest.fixture
def http(port: int | None) -> Iterator[httpx2.Client]:
    url = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=url, trust_env=False, timeout=30) as http:
        yield http


def test_pages_are_told_and_nothing_else(http: httpx2.Client) -> None:
    reply = http.get("/metrics")
    assert (reply.status_code, reply.text, reply.headers["content-type"]) == (200, "so it is", "text/plain")
    assert http.head("/metrics").content == b""
    assert http.get("/other").status_code == 404
    assert http.post("/metrics", content=b"x").status_code == 405


@pytest.mark.thorough
def test_a_flood_of_questions_makes_few_pages_on_a_thread_aside(
    http: httpx2.Client, pages: Pages, time: ManualTime
) -> None:
    for made in (1, 2):
        for _ in range(20):
            assert http.get("/metrics").status_code == 200
        assert pages.made == made
        time.now_s += 1.1 * FRESH_S
    assert pages.threads == {"telemetry"}


def test_who_does_not_read_its_reply_keeps_nobody_waiting(tmp_path: Path) -> None:
    pages = {"/metrics": Page("text/plain", lambda: b"x" * 4_000_000)}
    with serving(pages, host="127.0.0.1", port=None, address_file=tmp_path / "l.admin") as port:
        assert port
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(5 * b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert deaf.recv(1)
            reply = httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=30)
            assert reply.status_code == 404


def test_a_page_of_another_name_may_not_read_it(http: httpx2.Client) -> None:
    assert http.get("/metrics", headers={"host": "evil.example"}).status_code == 403
    assert http.get("/metrics", headers={"host": "localhost:1"}).status_code == 200


def test_where_it_is_can_be_found_as_long_as_it_runs(pages: Pages, tmp_path: Path) -> None:
    told = tmp_path / "l.admin"
    with serving(pages.all(), host="127.0.0.1", port=None, address_file=told) as port:
        assert json.loads(told.read_text())["url"] == f"http://127.0.0.1:{port}"
        assert stat.S_IMODE(told.stat().st_mode) == 0o600
    assert not told.exists()


def test_a_port_that_is_taken_is_said_and_the_miner_goes_on(pages: Pages, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, listening() as said:
        port = taken.getsockname()[1]
        with serving(pages.all(), host="127.0.0.1", port=port, address_file=tmp_path / "l.admin") as bound:
            assert bound is None
    assert said == [
        f"WARNING No /metrics and /state: cannot listen on 127.0.0.1 port {port} "
        "(Address already in use). Set --admin.host or --admin.port."
    ]


@pytest.mark.parametrize(
    ("header", "host"), [(b"a.b:80", "a.b"), (b"[::1]:80", "::1"), (b"LOCALHOST", "localhost"), (b"", "")]
)
def test_the_host_of_a_header(header: bytes, host: str) -> None:
    assert host_of(header) == host
