"""Files behind addresses that a stranger may have chosen."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from huggingface_hub import constants

from logicnet.errors import TuningError
from logicnet.tuning import hub
from logicnet.tuning.spec import public_name
from tests.harness.hub import LoopbackHub, loopback_hub, safetensors


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server of this machine, and the paths that it was asked for."""
    paths: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            body = b'{"instruction": "a", "output": "b"}\n'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A hub, asked by this process, with the model a/b."""
    with loopback_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        template = found.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        found.commit_model("a/b", {"config.json": b"{}", "model.safetensors": safetensors(4)})
        yield found


def room_of(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_a_strangers_model_of_terabytes_is_not_fetched(loopback, monkeypatch):
    room_of(monkeypatch, 10**15)
    loopback.claimed["a/b", "model.safetensors"] = 10**13
    with pytest.raises(hub.TooLarge, match="it has 10000 GB, and at most 80 GB are fetched"):
        hub.model_folder("a/b", None, local=False, most_bytes=80 * 10**9)
    assert not any("resolve" in one for one in loopback.requests)
    loopback.claimed.clear()
    found = hub.model_folder("a/b", None, local=False, most_bytes=80 * 10**9)
    assert (found / "model.safetensors").read_bytes() == safetensors(4)


def test_half_of_the_free_disk_is_left(loopback, monkeypatch):
    loopback.claimed["a/b", "model.safetensors"] = 40 * 10**9
    room_of(monkeypatch, 79 * 10**9)
    with pytest.raises(hub.TooLarge, match="40 GB are to be fetched, over half of the 79 GB of free disk"):
        hub.model_folder("a/b", None, most_bytes=80 * 10**9)
    assert not any("resolve" in one for one in loopback.requests)
    room_of(monkeypatch, 81 * 10**9)
    hub.model_folder("a/b", None, most_bytes=80 * 10**9)
    room_of(monkeypatch, 0)  # nothing is to be fetched any more
    hub.model_folder("a/b", None, most_bytes=80 * 10**9)


def test_only_files_that_would_be_fetched_are_counted(loopback):
    files = {"config.json": b"{}", "model.safetensors": safetensors(4), "pytorch_model.bin": b""}
    loopback.commit_model("a/b", files)
    loopback.claimed["a/b", "pytorch_model.bin"] = 10**13
    assert not (hub.model_folder("a/b", None, most_bytes=1000) / "pytorch_model.bin").exists()


def test_a_model_that_is_here_needs_no_hub(loopback):
    found = hub.model_folder("a/b", None)
    loopback.shutdown()
    loopback.server_close()
    assert hub.model_folder("a/b", None, most_bytes=1000) == found


def test_the_base_of_an_adapter_is_found_but_not_fetched(loopback, tmp_path):
    def names(content: str) -> Path:
        (tmp_path / "adapter_config.json").write_text(content)
        return tmp_path

    def based(**config: Any) -> Path:
        return names(json.dumps(config))

    assert hub.base_at_hand(based(base_model_name_or_path="a/b"), local=False) is None
    assert loopback.requests == []
    kept = hub.model_folder("a/b", None)
    assert hub.base_at_hand(based(base_model_name_or_path="a/b"), local=False) == kept
    assert hub.base_at_hand(based(base_model_name_or_path="a/b", revision="v1"), local=False) is None
    (tmp_path / "model").mkdir()
    by_path = based(base_model_name_or_path=str(tmp_path / "model"))
    assert hub.base_at_hand(by_path, local=True) == tmp_path / "model"
    assert hub.base_at_hand(by_path, local=False) is None
    outside = json.dumps({"base_model_name_or_path": "../../x"})
    for broken in ("[]", "{}", "{", "[" * 10**5, "1" * 2**21, outside):
        assert hub.base_at_hand(names(broken), local=True) is None
    assert hub.base_at_hand(tmp_path / "none", local=True) is None


def test_a_file_is_fetched_for_the_operator_and_not_for_a_stranger(asked, tmp_path):
    address, paths = asked
    found = hub.fetch(f"{address}/rows.jsonl?secret=1", tmp_path, private=True)
    assert (found.suffix, found.read_bytes()[:2]) == (".jsonl", b'{"')
    for host in (
        address,
        address.replace("127.0.0.1", "localhost"),
        "http://169.254.169.254",
        "http://[::1]",
    ):
        with pytest.raises(TuningError, match="private network"):
            hub.fetch(f"{host}/other.jsonl", tmp_path, private=False)
    assert paths == ["/rows.jsonl?secret=1"]


def test_the_address_that_was_checked_is_the_one_that_is_asked(tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    def stream(method: str, url: Any, **given: Any) -> Any:
        assert (str(url), given["headers"]) == ("https://8.8.8.8/rows.csv?a=b", {"Host": "rows.example"})
        assert (given["extensions"], given["follow_redirects"]) == ({"sni_hostname": "rows.example"}, False)
        raise Asked

    monkeypatch.setattr(httpx2, "stream", stream)
    monkeypatch.setattr(hub.socket, "getaddrinfo", lambda *_: [(2, 1, 6, "", ("8.8.8.8", 0))])
    with pytest.raises(Asked):
        hub.fetch("https://rows.example/rows.csv?a=b", tmp_path, private=False)


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(
    "address",
    ["http://[::1", "http://a:99999999/x", f"http://{'a' * 70}.example/x", "http://", "file:///etc/passwd"],
)
def test_an_address_that_is_none_is_told_in_a_line(address, private, tmp_path):
    with pytest.raises(TuningError, match="dataset"):
        hub.fetch(address, tmp_path, private=private)


def test_a_server_that_never_ends_holds_nobody_for_ever(asked, tmp_path):
    with pytest.raises(TuningError, match="not fetched within"):
        hub.fetch(f"{asked[0]}/rows.csv", tmp_path, private=True, most_s=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_secrets_of_an_address_are_not_shown():
    assert (
        public_name("https://me:pw@s3.example/b/rows.csv?X-Amz-Signature=1#x")
        == "https://s3.example/b/rows.csv"
    )
    assert public_name("org/what?") == "org/what?"


def test_a_name_that_is_no_path_is_no_folder():
    for name in ("a" * 300, "~nobody-of-this-name/x", "a\0b"):
        with pytest.raises(TuningError):
            hub.model_folder(name, None)


def test_a_dataset_that_is_absent_gated_or_behind_a_hub_that_is_away_is_told(monkeypatch):
    with loopback_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        for name in ("maker/open", "maker/gated"):
            found.add_dataset(name, {"train.jsonl": b"{}"})
        found.gated.add("maker/gated")
        hub.refuse_dataset("maker/open", None)
        hub.refuse_dataset("maker/gated", found.token)
        for name, says in (
            ("maker/none", "no such repository"),
            ("maker/gated", "https://huggingface.co/datasets/maker/gated"),
            ("a/b/c", "no name of a repository"),
            ("http://a.example/rows", "no name of a repository"),
        ):
            with pytest.raises(TuningError, match=says):
                hub.refuse_dataset(name, None)
        found.broken = True
        with pytest.raises(TuningError, match="the hub cannot be reached"):
            hub.refuse_dataset("maker/open", None)
        found.broken = False
        found.claimed["maker/open", "train.jsonl"] = 10**13
        hub.refuse_dataset("maker/open", None)
        with pytest.raises(hub.TooLarge, match="it has 10000 GB, and at most 21 GB are fetched here"):
            hub.refuse_dataset("maker/open", None, hub.MOST_FILE_BYTES)
        assert not any(one.startswith("GET") and "open/resolve" in one for one in found.requests)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        hub.refuse_dataset("maker/open", None)
