"""A Hugging Face hub on the loopback: real HTTP to the real client, for models that this machine lacks."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def safetensors(parameters: int, dtype: str = "BF16") -> bytes:
    """The header of a safetensors file with one tensor, without its data."""
    size = {"F32": 4, "BF16": 2, "F8_E4M3": 1, "I32": 4}[dtype] * parameters
    header = json.dumps({"w": {"dtype": dtype, "shape": [parameters], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header


class ScriptedHub(ThreadingHTTPServer):
    """`files` by their path, MAKER/MODEL/NAME; `gated` models are refused without `token`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.gated: set[str] = set()
        self.token = "hf-sample-token"
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, model: str, config: dict[str, Any], weights: bytes | None = None) -> None:
        self.files[f"{model}/config.json"] = json.dumps(config).encode()
        if weights is not None:
            self.files[f"{model}/model.safetensors"] = weights


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedHub

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            self._describe(self.path.removeprefix("/api/models/").partition("?")[0])
            return
        model, _, name = self.path.lstrip("/").partition("/resolve/main/")
        self.server.requests.append(f"{self.command} {self.path}")
        content = self.server.files.get(f"{model}/{name}")
        if model in self.server.gated and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(403, headers={"X-Error-Code": "GatedRepo"})
        elif not any(path.startswith(f"{model}/") for path in self.server.files):
            self._answer(404, headers={"X-Error-Code": "RepoNotFound"})
        elif content is None:
            self._answer(404, headers={"X-Error-Code": "EntryNotFound"})
        else:
            tag = {"ETag": f'"{sha256(content).hexdigest()}"', "X-Repo-Commit": "0" * 40}
            self._answer(200, content, tag)

    do_HEAD = do_GET

    def _describe(self, path: str) -> None:
        """What the hub's API says of a model, gated or not: names and sizes of files, parameters."""
        model = path.partition("/revision/")[0]
        self.server.requests.append(f"{self.command} {self.path}")
        files = {
            name.removeprefix(f"{model}/"): content
            for name, content in self.server.files.items()
            if name.startswith(f"{model}/")
        }
        if not files:
            self._answer(404, headers={"X-Error-Code": "RepoNotFound"})
            return
        siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
        described: dict[str, Any] = {"id": model, "sha": "0" * 40, "siblings": siblings, "private": False}
        described["gated"] = "manual" if model in self.server.gated else False
        if (weights := files.get("model.safetensors")) is not None:
            total = json.loads(weights[8:])["w"]["shape"][0]
            described["safetensors"] = {"parameters": {"BF16": total}, "total": total}
        self._answer(200, json.dumps(described).encode())

    def _answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def scripted_hub() -> Iterator[ScriptedHub]:
    with ScriptedHub() as hub:
        serving = threading.Thread(target=hub.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            serving.join()
