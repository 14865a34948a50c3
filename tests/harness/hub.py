"""A Hugging Face hub on the loopback that real clients download models and datasets from.

Speaks what huggingface_hub and datasets ask: facts of a repository, its tree, paths, files by commit.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c0ffee" + "0" * 34
_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+))?(?:/(.*))?$")
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)$")


class LoopbackHub(ThreadingHTTPServer):
    """`repositories` by ("models" or "datasets", MAKER/NAME): files by their path.

    `gated` repositories are refused without `token`; while `broken`, every answer is 503.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[tuple[str, str], dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.token = "hf-sample-token"
        self.broken = False
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add_model(self, name: str, folder: Path) -> None:
        """The files of `folder` under the model's name."""
        self.repositories["models", name] = _read(folder)

    def add_dataset(self, name: str, files: dict[str, bytes]) -> None:
        self.repositories["datasets", name] = files


def _read(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackHub

    def do_GET(self) -> None:
        self._handle(b"")

    def do_HEAD(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _handle(self, body: bytes) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.broken:
            self._answer(503)
            return
        if found := _API.match(path):
            kind, name, what, _, rest = found.groups()
        elif found := _FILE.match(path):
            kind, name, what, rest = "datasets" if found[1] else "models", found[2], "resolve", found[3]
        else:
            self._answer(404)
            return
        files = self.server.repositories.get((kind, name))
        if files is None:
            self._answer(404, headers={"X-Error-Code": "RepoNotFound"})
        elif name in self.server.gated and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(403, headers={"X-Error-Code": "GatedRepo"})
        elif what == "resolve":
            self._file(files, rest)
        elif what == "tree":
            inside = f"{rest}/" if rest else ""
            self._json([_entry(one, files[one]) for one in files if one.startswith(inside)])
        elif what == "paths-info":
            self._json([_entry(one, files[one]) for one in _paths(body, self.headers) if one in files])
        else:
            self._json(_facts(kind, name, files))

    def _file(self, files: dict[str, bytes], path: str) -> None:
        content = files.get(path)
        if content is None:
            self._answer(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        tag = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            self._answer(200, content, tag)
            return
        begin, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        part = {"Content-Range": f"bytes {begin}-{end}/{len(content)}"}
        self._answer(206, content[begin : end + 1], tag | part)

    def _json(self, content: Any) -> None:
        self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _oid(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": _oid(content)}


def _paths(body: bytes, headers: Any) -> list[str]:
    if "json" in (headers.get("Content-Type") or ""):
        return list(json.loads(body)["paths"])
    from urllib.parse import parse_qs  # noqa: PLC0415

    return parse_qs(body.decode())["paths"]


def _facts(kind: str, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": name,
        "sha": COMMIT,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "lastModified": "2026-01-01T00:00:00.000Z",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "siblings": [{"rfilename": one, "size": len(files[one])} for one in files],
    }
    return facts | ({"modelId": name} if kind == "models" else {"cardData": {}})


@contextmanager
def loopback_hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        serving = threading.Thread(target=hub.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            serving.join()


__all__ = ["COMMIT", "LoopbackHub", "loopback_hub"]
