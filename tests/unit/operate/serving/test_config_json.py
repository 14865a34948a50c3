"""A model that is in no table, from its config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logicnet.errors import SettingsError
from logicnet.operate.serving import load, model_from

SHAPE: dict[str, Any] = {
    "model_type": "qwen2",
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "num_hidden_layers": 28,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
}


def folder(at: Path, **changes: object) -> Path:
    config = {name: value for name, value in {**SHAPE, **changes}.items() if value is not ...}
    (at / "config.json").write_text(json.dumps(config))
    return at


def test_it_is_the_model_of_the_table(tmp_path):
    found, known = model_from(folder(tmp_path)), load().find("Qwen2-7B-Instruct")
    assert found.parameters == pytest.approx(known.parameters, rel=0.01)
    for field in ("layers", "kv_heads", "head_size", "context", "vocab"):
        assert getattr(found, field) == getattr(known, field)


def test_the_file_itself_may_be_named(tmp_path):
    assert model_from(folder(tmp_path) / "config.json") == model_from(tmp_path)


def test_what_lies_beside_it_is_weighed(tmp_path):
    (folder(tmp_path) / "model.safetensors").write_bytes(bytes(2_000_000))
    found = model_from(tmp_path)
    assert found.parameters == 1_000_000
    assert found.loads_gib == pytest.approx(2_000_000 / 2**30)


@pytest.mark.parametrize("word", ["torch_dtype", "dtype"])
def test_weights_in_32_bits_are_loaded_in_16(tmp_path, word):
    (folder(tmp_path, **{word: "float32"}) / "model.safetensors").write_bytes(bytes(4_000_000))
    found = model_from(tmp_path)
    assert found.parameters == 1_000_000
    assert found.loads_gib == pytest.approx(2_000_000 / 2**30)


def test_weights_that_lie_there_twice_are_weighed_once(tmp_path):
    for name in ("model-00001-of-00002", "model-00002-of-00002", "consolidated"):
        (folder(tmp_path) / f"{name}.safetensors").write_bytes(bytes(1_000_000))
    assert model_from(tmp_path).parameters == 1_000_000
    (tmp_path / "model-00001-of-00002.safetensors").unlink()
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    assert model_from(tmp_path).parameters == 500_000


def test_one_head_for_each_where_none_are_shared(tmp_path):
    assert model_from(folder(tmp_path, num_key_value_heads=...)).kv_heads == 28


def test_a_mixture_of_experts_touches_a_part(tmp_path):
    mixture = {
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "vocab_size": 32000,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    }
    found, known = model_from(folder(tmp_path, **mixture)), load().find("Mixtral")
    assert found.parameters == pytest.approx(known.parameters, rel=0.01)
    assert found.active_parameters == pytest.approx(known.active_parameters, rel=0.01)


def test_the_text_of_a_model_that_also_sees_counts(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sees", "text_config": SHAPE}))
    assert model_from(tmp_path).layers == 28


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["BertModel"]}, "is of BertModel, no model that one can talk with"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "is of T5For"),
        ({"is_encoder_decoder": True}, "an encoder and a decoder"),
    ],
)
def test_a_model_that_does_not_talk_is_refused(tmp_path, changes, said):
    with pytest.raises(SettingsError, match=said):
        model_from(folder(tmp_path, **changes))


def test_a_model_that_talks_may_say_what_it_is(tmp_path):
    assert model_from(folder(tmp_path, architectures=["Qwen2ForCausalLM"])).layers == 28


@pytest.mark.parametrize("method", ["awq", "gptq", "fp8", "mxfp4"])
def test_a_quantised_checkpoint_says_so(tmp_path, method):
    assert model_from(folder(tmp_path, quantization_config={"quant_method": method})).stored == method


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_hidden_layers": ...}, "num_hidden_layers is missing"),
        ({"hidden_size": "wide"}, "a number where there is none"),
        ({"num_hidden_layers": -1}, "layers: Input should be greater than 0"),
        ({"num_attention_heads": 0}, "a number where there is none"),
        ({"num_hidden_layers": 10**400}, "a number where there is none"),
        ({"num_key_value_heads": 3}, "multiple of kv_heads"),
        ({"kv_lora_rank": 512}, "latent attention"),
        ({"ssm_state_size": 16}, "state space"),
        ({"quantization_config": {"quant_method": "odd"}}, "quantised by odd"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_a_reason(tmp_path, changes, said):
    with pytest.raises(SettingsError, match=said) as error:
        model_from(folder(tmp_path, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[]", "no object"), (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[" * 100_000, "not JSON")],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, content, said):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        model_from(tmp_path)


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        model_from(tmp_path)
