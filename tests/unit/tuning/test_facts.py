"""What is known of a model without loading it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download

from logicnet._util.processes import free_port
from logicnet.errors import TuningError
from logicnet.tuning.facts import facts_of
from tests.harness.hub import LoopbackHub, loopback_hub, safetensors

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "intermediate_size": 1536,
    "vocab_size": 49152,
}
SHAPE = {"hidden": 576, "layers": 30, "intermediate": 1536, "vocab": 49152}


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


def folder(at: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_bytes(content)
    return str(at)


def config(**changes: Any) -> bytes:
    return json.dumps(CONFIG | changes).encode()


def test_a_folder(tmp_path):
    found = facts_of(folder(tmp_path, {"config.json": config(), "model.safetensors": safetensors(1000)}))
    assert (found.parameters, found.fetch_bytes, found.gated, found.shape) == (1000, 0, False, SHAPE)
    assert found.config["model_type"] == "llama"


def test_parts_are_added_and_copies_are_not(tmp_path):
    part = [b.replace(b'"w"', name) for b, name in ((safetensors(1000), b'"a"'), (safetensors(500), b'"b"'))]
    files = {
        "config.json": config(),
        "model-00001-of-00002.safetensors": part[0],
        "model-00002-of-00002.safetensors": part[1],
        "consolidated.safetensors": safetensors(1500),
        "adapter_model.safetensors": safetensors(7),
    }
    assert facts_of(folder(tmp_path, files)).parameters == 1500


def test_a_model_within_another_has_its_shape(tmp_path):
    outer = json.dumps({"model_type": "gemma3", "text_config": CONFIG}).encode()
    found = facts_of(folder(tmp_path, {"config.json": outer, "model.safetensors": safetensors(10)}))
    assert found.shape == SHAPE


def test_a_pipeline_has_parts_in_folders(tmp_path):
    files = {
        "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
        "unet/diffusion_pytorch_model.safetensors": safetensors(800),
        "unet/diffusion_pytorch_model.fp16.safetensors": safetensors(800),
        "vae/diffusion_pytorch_model.safetensors": safetensors(80),
        "v1-5-pruned.safetensors": safetensors(1000),
    }
    found = facts_of(folder(tmp_path, files))
    assert (found.parameters, found.config["_class_name"]) == (880, "StableDiffusionPipeline")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"])
def test_a_pickle_is_never_loaded(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    at = folder(tmp_path / "model", {"config.json": config(), name: pickle.dumps(Bomb())})
    with pytest.raises(TuningError, match=rf"holds only pickles \({name}\).*convert it to safetensors"):
        facts_of(at)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "has none of config.json, model_index.json"),
        ({"config.json": b"{"}, "holds no safetensors"),
        ({"config.json": b"{", "model.safetensors": safetensors(1)}, "config.json is not JSON"),
        ({"config.json": b"[]", "model.safetensors": safetensors(1)}, "holds no object"),
        ({"config.json": config()}, "holds no safetensors file"),
        ({"config.json": config(), "model.safetensors": pickle.dumps(Bomb())}, "is no safetensors file"),
        ({"config.json": config(), "model.safetensors": b""}, "is no safetensors file"),
        ({"config.json": config(), "model.safetensors": b"\xff" * 8}, "its header is too long"),
        ({"config.json": config(), "model.safetensors": b"\2" + b"\0" * 7 + b"[]"}, "is no safetensors file"),
    ],
)
def test_a_broken_folder_is_one_line(tmp_path, monkeypatch, files, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TuningError, match=says) as error:
        facts_of(folder(tmp_path / "model", files) if files else str(tmp_path))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "exploded").exists()


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[LoopbackHub]:
    with loopback_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", found.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield found


def test_a_model_of_the_hub(hub):
    hub.put("maker/model", CONFIG, safetensors(135_000_000))
    found = facts_of("maker/model")
    assert (found.parameters, found.shape, found.gated) == (135e6, SHAPE, False)
    assert found.fetch_bytes == len(safetensors(135_000_000))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_a_small_file_that_is_large_is_not_fetched(hub, file):
    hub.put("maker/model", CONFIG, safetensors(10))
    hub.add_file("maker/model", file, config())
    hub.claimed["maker/model", file] = 10**10
    with pytest.raises(TuningError, match=f"{file} of 10,000,000,000 bytes"):
        facts_of("maker/model")
    assert not any("resolve" in one for one in hub.requests)


def test_a_pipeline_of_the_hub_has_the_size_of_its_family(hub):
    hub.add_file("maker/model", "model_index.json", b'{"_class_name": "StableDiffusionXLPipeline"}')
    hub.add_file("maker/model", "unet/diffusion_pytorch_model.safetensors", safetensors(10))
    assert facts_of("maker/model").parameters == pytest.approx(3.5e9)


def test_a_gated_model_needs_a_token(hub):
    hub.put("maker/model", CONFIG, safetensors(1000))
    hub.gated.add("maker/model")
    with pytest.raises(TuningError, match=r"it is gated: ask for access .* HF_TOKEN") as error:
        facts_of("maker/model", "wrong")
    assert "wrong" not in str(error.value)
    found = facts_of("maker/model", hub.token)
    assert (found.parameters, found.gated) == (1000, True)


def test_a_model_that_the_hub_lacks(hub):
    with pytest.raises(TuningError, match="the hub has no such repository: correct the name"):
        facts_of("maker/absent")
    with pytest.raises(TuningError, match="this is no name of a repository and no folder: correct it"):
        facts_of("no name/at all")


@pytest.mark.parametrize("name", ["/no/such", "./no", "../no/such", "~no-such-user/model"])
def test_a_folder_that_is_not_there_is_asked_of_no_hub(hub, name):
    with pytest.raises(TuningError, match="does not exist: correct the path"):
        facts_of(name)
    assert hub.requests == []


def test_a_model_of_pickles_is_refused_before_anything_is_fetched(hub):
    hub.put("maker/model", CONFIG)
    hub.add_file("maker/model", "pytorch_model.bin", pickle.dumps(Bomb()))
    with pytest.raises(TuningError, match=r"holds only pickles \(pytorch_model\.bin\)"):
        facts_of("maker/model")
    assert not [one for one in hub.requests if "resolve" in one]


def test_a_hub_out_of_reach_is_one_line(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TuningError, match=r"the hub cannot be reached \(.*\): check the network") as error:
        facts_of("maker/model")
    assert "\n" not in str(error.value)


def test_without_the_hub_a_fetched_model_is_known(hub, monkeypatch, tmp_path):
    hub.put("maker/model", CONFIG, safetensors(1000))
    for name in ("config.json", "model.safetensors"):
        hf_hub_download("maker/model", name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = facts_of("maker/model")
    assert (found.parameters, found.fetch_bytes) == (1000, 0)
    with pytest.raises(TuningError, match="HF_HUB_OFFLINE forbids to ask the hub"):
        facts_of("maker/other")
