"""A receiver of pushed alerts on the loopback, as apprise's json:// speaks to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JsonReceiver:
    """`messages` are what it took. While `refuses` it replies 500; while `hangs` it never replies."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.asked = threading.Semaphore(0)  # released with each request
        self.refuses = False
        self.hangs = False
        self.goes_on = threading.Event()  # ends what hangs
        self.header = ""  # a line that its replies have, too
        self.url = ""

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.messages]


@contextmanager
def json_receiver() -> Iterator[JsonReceiver]:
    made = JsonReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.asked.release()
            if made.hangs:
                made.goes_on.wait(60)
                return
            if not made.refuses:
                made.messages.append(json.loads(body))
            self.send_response(500 if made.refuses else 200)
            self.send_header("content-length", "0")
            if made.header:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + made.header.encode() + b"\r\n\r\n")
                return
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        made.url = f"json://127.0.0.1:{server.server_port}/hooks/a-secret-path"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.goes_on.set()
            server.shutdown()
            thread.join(5)
