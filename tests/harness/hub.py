"""A Hugging Face hub on the loopback, for real clients: they download from it and publish to it.

Speaks what huggingface_hub and datasets ask: facts of a repository, its tree, paths, files by commit; and, to
publish, the creation of a repository, preupload, LFS batches and commits (HF_HUB_DISABLE_XET=1).
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

COMMIT = "c0ffee" + "0" * 34
_API = re.compile(
    r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info|preupload|commit)/([^/]+))?(?:/(.*))?$"
)
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")
_LFS = re.compile(r"/(datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch$")
_POINTER_BYTES = 134
_LFS_ENDINGS = (".safetensors", ".bin", ".pt", ".gguf")

Repository = tuple[str, str]
"""("models" or "datasets", MAKER/NAME)."""


class LoopbackHub(ThreadingHTTPServer):
    """`repositories`: the files of each at its newest commit, by their path; `history`: those of each commit.

    `gated` repositories are refused without `token`, and `private` ones do not exist without it; it is also
    the token that may write, in the namespace `owner`. While `broken`, every answer is 503; `fail` breaks
    single requests. `claimed` are sizes that the hub tells of files, whatever is in them.
    """

    daemon_threads = True
    owner = "maker"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[Repository, dict[str, bytes]] = {}
        self.history: dict[Repository, dict[str, dict[str, bytes]]] = {}
        self.objects: dict[str, bytes] = {}  # of LFS, by their sha256
        self.claimed: dict[tuple[str, str], int] = {}  # (MAKER/NAME, path): bytes
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.token = "hf-sample-token"
        self.broken = False
        self.requests: list[str] = []
        self._failures: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add_model(self, name: str, folder: Path) -> None:
        """The files of `folder` under the model's name."""
        self.repositories["models", name] = _read(folder)

    def add_dataset(self, name: str, files: dict[str, bytes]) -> None:
        self.repositories["datasets", name] = files

    def put(self, name: str, config: dict[str, Any], weights: bytes | None = None) -> None:
        """A model of a configuration and perhaps weights, of which a header is enough."""
        self.add_file(name, "config.json", json.dumps(config).encode())
        if weights is not None:
            self.add_file(name, "model.safetensors", weights)

    def add_file(self, name: str, path: str, content: bytes) -> None:
        self.repositories.setdefault(("models", name), {})[path] = content

    def commit_model(self, name: str, files: dict[str, bytes]) -> str:
        """Make `files` the newest commit of a model; returns its hash."""
        return self.commit(("models", name), files)

    def commit(self, repository: Repository, files: dict[str, bytes]) -> str:
        commits = self.history.setdefault(repository, {})
        content = "".join(f"{path} {_oid(one)}\n" for path, one in sorted(files.items()))
        oid = sha1(f"{repository} {len(commits)}\n{content}".encode(), usedforsecurity=False).hexdigest()
        commits[oid] = self.repositories[repository] = files
        return oid

    def delete(self, name: str) -> None:
        """Delete a model with all its commits."""
        self.repositories.pop(("models", name), None)
        self.history.pop(("models", name), None)

    def fail(self, request: str, status: int, times: int = 1) -> None:
        """Answer the next `times` requests whose line "METHOD PATH" contains `request` with `status`.

        Status 0 closes the connection without an answer.
        """
        self._failures += [(request, status)] * times

    def heal(self) -> None:
        """Forget what was to fail."""
        self._failures.clear()

    def failure(self, line: str) -> int | None:
        found = next((one for one in self._failures if one[0] in line), None)
        if found is None:
            return None
        self._failures.remove(found)
        return found[1]

    def head(self, repository: Repository) -> str:
        return next(reversed(self.history.get(repository, {})), COMMIT)

    def files(self, repository: Repository, revision: str) -> dict[str, bytes] | None:
        """Files at a revision; None if there is no such revision."""
        newest = self.repositories[repository]
        if revision in ("main", COMMIT) or repository not in self.history:
            return newest
        return self.history[repository].get(revision)


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
        self._handle(self._body())

    def do_PUT(self) -> None:
        self._handle(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        taken = b""
        while size := int(self.rfile.readline(), 16):
            taken += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return taken

    @property
    def _authorised(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {self.server.token}"

    def _handle(self, body: bytes) -> None:
        path = self.path.partition("?")[0]
        line = f"{self.command} {self.path}"
        self.server.requests.append(line)
        status = 503 if self.server.broken else self.server.failure(line)
        if status == 0:
            self.close_connection = True
        elif status is not None:
            self._answer(status)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/whoami-v2":
            self._json({"name": self.server.owner}) if self._authorised else self._answer(401)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.startswith("/lfs/"):
            self._store(path.rpartition("/")[2], body)
        elif found := _LFS.match(path):
            self._lfs_batch(json.loads(body))
        elif found := _API.match(path):
            kind, name, what, revision, rest = found.groups()
            self._repository((kind, name), what, revision or "main", rest, body)
        elif found := _FILE.match(path):
            kind = "datasets" if found[1] else "models"
            self._repository((kind, found[2]), "resolve", found[3], found[4], body)
        else:
            self._answer(404)

    def _repository(
        self, repository: Repository, what: str | None, revision: str, rest: str | None, body: bytes
    ) -> None:
        kind, name = repository
        hub = self.server
        if repository not in hub.repositories or (name in hub.private and not self._authorised):
            self._answer(404, headers={"X-Error-Code": "RepoNotFound"})
            return
        told = what in (None, "revision")  # facts of a gated repository are public
        if name in hub.gated and not told and not self._authorised:
            self._answer(403, headers={"X-Error-Code": "GatedRepo"})
            return
        files = hub.files(repository, revision)
        if files is None:
            self._answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        elif what in ("preupload", "commit"):
            if not self._authorised:
                self._answer(401)
            elif what == "preupload":
                self._preupload(files, json.loads(body))
            else:
                self._commit(repository, files, body)
        elif what == "resolve":
            self._file(repository, files, rest or "")
        elif what == "tree":
            inside = f"{rest}/" if rest else ""
            self._json([self._entry(name, one, files[one]) for one in files if one.startswith(inside)])
        elif what == "paths-info":
            found = [one for one in _paths(body, self.headers) if one in files]
            self._json([self._entry(name, one, files[one]) for one in found])
        else:
            self._json(self._facts(kind, name, files, revision))

    def _create(self, asked: dict[str, Any]) -> None:
        kind = {"dataset": "datasets"}.get(asked.get("type") or "model", "models")
        name = f"{asked.get('organization') or self.server.owner}/{asked['name']}"
        if not self._authorised:
            self._answer(401)
            return
        if not name.startswith(f"{self.server.owner}/"):
            self._answer(403)
            return
        url = {"url": f"{self.server.url}/{name}", "id": name}
        if (kind, name) in self.server.repositories:
            self._json(url | {"error": "You already created this model repo"}, 409)
            return
        self.server.commit((kind, name), {".gitattributes": b"*.safetensors filter=lfs\n"})
        if asked.get("visibility") == "private":
            self.server.private.add(name)
        self._json(url)

    def _preupload(self, files: dict[str, bytes], asked: dict[str, Any]) -> None:
        modes = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(_LFS_ENDINGS) else "regular",
                "shouldIgnore": False,
                "oid": _remote_oid(one["path"], files),
            }
            for one in asked["files"]
        ]
        self._json({"files": modes})

    def _lfs_batch(self, asked: dict[str, Any]) -> None:
        """Where each object is to be put; no place for one that is there."""
        if not self._authorised:
            self._answer(401)
            return
        objects = []
        for one in asked["objects"]:
            place = {"href": f"{self.server.url}/lfs/{one['oid']}", "header": {}}
            known = one["oid"] in self.server.objects
            objects.append({**one, **({} if known else {"actions": {"upload": place}})})
        self._json({"transfer": "basic", "objects": objects})

    def _store(self, oid: str, body: bytes) -> None:
        if sha256(body).hexdigest() != oid:
            self._answer(400)
            return
        self.server.objects[oid] = body
        self._answer(200)

    def _commit(self, repository: Repository, files: dict[str, bytes], body: bytes) -> None:
        files = dict(files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"])
        oid = self.server.commit(repository, files)
        url = f"{self.server.url}/{repository[1]}/commit/{oid}"
        self._json({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def _file(self, repository: Repository, files: dict[str, bytes], path: str) -> None:
        commit = self.server.head(repository)
        content = files.get(path)
        if content is None:
            self._answer(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        for oid, there in self.server.history.get(repository, {}).items():
            if there is files:
                commit = oid
        tag = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            self._answer(200, content, tag)
            return
        begin, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        part = {"Content-Range": f"bytes {begin}-{end}/{len(content)}"}
        self._answer(206, content[begin : end + 1], tag | part)

    def _size(self, name: str, path: str, content: bytes) -> int:
        return self.server.claimed.get((name, path), len(content))

    def _entry(self, name: str, path: str, content: bytes) -> dict[str, Any]:
        size = self._size(name, path, content)
        lfs = {"oid": sha256(content).hexdigest(), "size": size, "pointerSize": _POINTER_BYTES}
        found = {"type": "file", "path": path, "size": size, "oid": _oid(content)}
        return found | ({"lfs": lfs} if path.endswith(_LFS_ENDINGS) else {})

    def _facts(self, kind: str, name: str, files: dict[str, bytes], revision: str) -> dict[str, Any]:
        head = self.server.head((kind, name))
        siblings = []
        for path, content in files.items():
            entry = self._entry(name, path, content)
            one = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
            if lfs := entry.get("lfs"):
                one["lfs"] = {"size": lfs["size"], "sha256": lfs["oid"], "pointerSize": lfs["pointerSize"]}
            siblings.append(one)
        facts: dict[str, Any] = {
            "id": name,
            "sha": head if revision == "main" else revision,
            "private": name in self.server.private,
            "gated": "manual" if name in self.server.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "siblings": siblings,
        }
        if (weights := files.get("model.safetensors")) is not None:
            facts["safetensors"] = _parameters(weights)
        return facts | ({"modelId": name} if kind == "models" else {"cardData": {}})

    def _json(self, content: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

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


def safetensors(parameters: int, dtype: str = "BF16") -> bytes:
    """The header of a safetensors file with one tensor, without its data."""
    size = {"F32": 4, "BF16": 2, "F8_E4M3": 1, "I32": 4}[dtype] * parameters
    header = json.dumps({"w": {"dtype": dtype, "shape": [parameters], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header


def _parameters(weights: bytes) -> dict[str, Any]:
    """What the hub tells of a safetensors file: parameters by their type."""
    (size,) = struct.unpack("<Q", weights[:8])
    tensors = json.loads(weights[8 : 8 + size])
    counted: dict[str, int] = {}
    for name, tensor in tensors.items():
        if name != "__metadata__":
            counted[tensor["dtype"]] = counted.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
    return {"parameters": counted, "total": sum(counted.values())}


def _remote_oid(path: str, files: dict[str, bytes]) -> str | None:
    """As the hub tells it: of a file under LFS its sha256, of another its blob."""
    content = files.get(path)
    if content is None:
        return None
    return sha256(content).hexdigest() if path.endswith(_LFS_ENDINGS) else _oid(content)


def _paths(body: bytes, headers: Any) -> list[str]:
    if "json" in (headers.get("Content-Type") or ""):
        return list(json.loads(body)["paths"])
    return parse_qs(body.decode())["paths"]


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


__all__ = ["COMMIT", "LoopbackHub", "loopback_hub", "safetensors"]
