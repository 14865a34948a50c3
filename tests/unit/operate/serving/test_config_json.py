"""A model that is in no catalogue, from config.json and weights of a folder or of the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from logicnet._util.processes import free_port
from logicnet.errors import SettingsError
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.config_json import model_from
from logicnet.operate.serving.find import find_model
from logicnet.operate.serving.gpus import gpus_named
from logicnet.operate.serving.memory import kv_bytes_per_token, weights_bytes
from logicnet.operate.serving.plan import Misfit, ServingPlan, plan
from logicnet.solver.race.profiles import load_profiles, profile_for
from tests.harness.hub import LoopbackHub, loopback_hub, safetensors

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


def test_it_is_the_model_of_the_catalogue(tmp_path):
    found, known = model_from(folder(tmp_path)), load().find("Qwen2-7B-Instruct")
    assert found.parameters == pytest.approx(known.parameters, rel=0.01)
    for field in ("layers", "kv_heads", "head_size", "context", "vocab"):
        assert getattr(found, field) == getattr(known, field)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "head_dim", "layers", "hidden", "inner", "vocab", "tied", "parameters", "kv_bytes"),
    [
        pytest.param(28, 4, 128, 28, 3584, 18944, 152064, False, 7_615_616_512, 57_344, id="Qwen2.5-7B"),
        pytest.param(40, 8, 128, 64, 5120, 27648, 152064, False, 32_763_876_352, 262_144, id="Qwen2.5-32B"),
        pytest.param(32, 8, 128, 32, 4096, 14336, 128256, False, 8_030_261_248, 131_072, id="Llama-3.1-8B"),
        pytest.param(64, 8, 128, 80, 8192, 28672, 128256, False, 70_553_706_496, 327_680, id="Llama-3.3-70B"),
        pytest.param(32, 8, 128, 36, 4096, 12288, 151936, False, 8_190_735_360, 147_456, id="Qwen3-8B"),
        pytest.param(32, 8, 128, 36, 2560, 9728, 151936, True, 4_022_468_096, 147_456, id="Qwen3-4B"),
        pytest.param(32, 4, 128, 48, 2048, 768, 151936, False, 30_532_122_624, 98_304, id="Qwen3-30B-A3B"),
        pytest.param(40, 10, 128, 40, 5120, 17920, 100352, False, 14_659_507_200, 204_800, id="phi-4"),
        pytest.param(32, 8, 128, 32, 4096, 14336, 32768, False, 7_248_023_552, 131_072, id="Mistral-7B-v0.3"),
        pytest.param(32, 32, 64, 24, 2048, 8192, 49152, True, 1_711_376_384, 196_608, id="SmolLM2-1.7B"),
    ],
)
def test_published_configs_give_their_parameters_and_the_cache_of_a_token(
    tmp_path, heads, kv_heads, head_dim, layers, hidden, inner, vocab, tied, parameters, kv_bytes
):
    """Parameters as on the models' pages; of the cache keys and values, 2 bytes each, by head and layer."""
    changes = {
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "vocab_size": vocab,
        "tie_word_embeddings": tied,
    }
    if parameters == 30_532_122_624:
        changes |= {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": inner}
        changes["model_type"] = "qwen3_moe"
    found = model_from(folder(tmp_path, **changes))
    assert weights_bytes(found, "full") == pytest.approx(2 * parameters, rel=0.001)
    assert kv_bytes_per_token(found) == kv_bytes


def test_the_file_itself_may_be_named(tmp_path):
    assert model_from(folder(tmp_path) / "config.json") == model_from(tmp_path)


def test_the_weights_of_its_folder_are_counted(tmp_path):
    (folder(tmp_path) / "model.safetensors").write_bytes(safetensors(1_000_000))
    found = model_from(tmp_path)
    assert found.parameters == 1_000_000
    assert found.loads_gib == pytest.approx(2_000_000 / 2**30)


def test_weights_in_32_bits_are_loaded_in_16(tmp_path):
    (folder(tmp_path) / "model.safetensors").write_bytes(safetensors(1_000_000, "F32"))
    found = model_from(tmp_path)
    assert found.parameters == 1_000_000
    assert found.loads_gib == pytest.approx(2_000_000 / 2**30)


def test_weights_that_are_stored_twice_are_counted_once(tmp_path):
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name in (*parts, "consolidated.safetensors"):
        (folder(tmp_path) / name).write_bytes(safetensors(500_000))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {str(number): name for number, name in enumerate(parts)}}))
    assert model_from(tmp_path).parameters == 1_000_000
    index.unlink()
    assert model_from(tmp_path).parameters == 500_000


def test_quantised_weights_are_weighed_as_they_are(tmp_path):
    at = folder(tmp_path, quantization_config={"quant_method": "awq"})
    (at / "model.safetensors").write_bytes(safetensors(250_000, "I32"))
    found = model_from(at)
    assert found.loads_gib == pytest.approx(1_000_000 / 2**30)
    assert found.parameters == found.counted_parameters


def test_weights_that_are_not_complete_are_counted_by_shapes(tmp_path):
    index = folder(tmp_path) / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "model-00001-of-00002.safetensors"}}))
    found = model_from(tmp_path)
    assert (found.loads_gib, found.parameters) == (None, found.counted_parameters)


def test_a_broken_weights_file_is_refused(tmp_path):
    (folder(tmp_path) / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(SettingsError, match="broken file"):
        model_from(tmp_path)


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
        ({"architectures": ["BertModel"]}, "describes BertModel, which does not generate text"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "describes T5For"),
        ({"is_encoder_decoder": True}, "an encoder and a decoder"),
    ],
)
def test_a_model_that_generates_no_text_is_refused(tmp_path, changes, said):
    with pytest.raises(SettingsError, match=said):
        model_from(folder(tmp_path, **changes))


def test_a_model_that_generates_text_may_name_its_architecture(tmp_path):
    assert model_from(folder(tmp_path, architectures=["Qwen2ForCausalLM"])).layers == 28


@pytest.mark.parametrize(
    ("quantised", "stored", "bits"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, "awq", 4.16),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "gptq", 8),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8),
        ({"quant_method": "mxfp4"}, "mxfp4", 4.25),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
            },
            *("compressed-tensors", 8),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}},
            },
            *("compressed-tensors", 4.625),
        ),
    ],
)
def test_a_quantised_checkpoint_of_any_maker_says_so(tmp_path, quantised, stored, bits):
    found = model_from(folder(tmp_path, quantization_config=quantised))
    assert found.stored == stored
    kept = found.expert_parameters if stored == "mxfp4" else found.parameters - found.embedding_parameters
    expected = 2 * (found.parameters - kept) + kept * bits / 8
    assert weights_bytes(found, found.stored) == pytest.approx(expected, rel=0.001)
    fits = plan(found, gpus_named("L40S", 1))
    assert isinstance(fits, ServingPlan)
    assert fits.checkpoint == str(tmp_path)


GEMMA = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3",
    "text_config": {
        **{"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text"},
        **{"num_hidden_layers": 34, "sliding_window": 1024},
    },
}
"""As published: what is missing are the defaults of its type."""


def test_what_a_config_leaves_out_is_the_default_of_its_type(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(GEMMA))
    found, known = model_from(tmp_path), load().find("gemma-3-4b-it")
    for field in (*("layers", "heads", "kv_heads", "head_size", "vocab", "tied", "context"), "window_layers"):
        assert getattr(found, field) == getattr(known, field), field
    assert not found.float16


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({}, 0),
        ({"sliding_window": 4096}, 28),
        ({"sliding_window": 4096, "use_sliding_window": False}, 0),
        ({"sliding_window": 128, "model_type": "gpt_oss"}, 14),
        ({"sliding_window": 128, "layer_types": ["sliding_attention"] * 20 + ["full_attention"] * 8}, 20),
        ({"sliding_window": None, "layer_types": ["full_attention"] * 28}, 0),
    ],
)
def test_layers_with_a_window_are_counted(tmp_path, changes, layers):
    assert model_from(folder(tmp_path, **changes)).window_layers == layers


HYBRID = (
    "{% for message in messages %}{{ message.content.split('</think>')[-1] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think></think>' }}{% endif %}"
    "{% endif %}"
)
OPENS = "{% if add_generation_prompt %}{{ '<|assistant|><think>' }}{% endif %}"
PLAIN = (
    "{% for message in messages %}{{ message.content.split('<think>')[0] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
@pytest.mark.parametrize(("template", "thinks"), [(HYBRID, True), (OPENS, True), (PLAIN, False)])
def test_a_folder_whose_chat_template_thinks_is_planned_so(tmp_path, name, template, thinks):
    at = tmp_path / "served"
    at.mkdir()
    text = template if name.endswith("jinja") else json.dumps({"chat_template": template})
    (folder(at) / name).write_text(text)
    found = model_from(at)
    assert (found.thinks, found.answers) == (thinks, True)
    fits = plan(found, gpus_named("H200", 1))
    assert isinstance(fits, ServingPlan)
    profile = profile_for(found.name, load_profiles(), found.thinks)  # what the solver asks such a model with
    assert (fits.load.cap, profile.thinking) == (profile.reason.max_tokens, thinks)


def test_without_a_chat_template_the_name_says_whether_it_thinks(tmp_path):
    for name, thinks in (("Some-R1", True), ("Some-Chat", False)):
        (tmp_path / name).mkdir()
        assert model_from(folder(tmp_path / name)).thinks is thinks


def test_a_folder_of_a_base_model_is_not_planned(tmp_path):
    (folder(tmp_path) / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    found = plan(model_from(tmp_path), gpus_named("L40S", 1))
    assert isinstance(found, Misfit)
    assert "no chat template" in found.reason


def test_a_tokenizer_config_that_is_not_json_says_nothing(tmp_path):
    (folder(tmp_path) / "tokenizer_config.json").write_text("{")
    assert model_from(tmp_path).answers


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_hidden_layers": ...}, "num_hidden_layers is missing"),
        ({"hidden_size": "wide"}, "a number is missing"),
        ({"num_hidden_layers": -1}, "layers: Input should be greater than 0"),
        ({"num_attention_heads": 0}, "a number is missing"),
        ({"num_hidden_layers": 10**400}, "a number is missing"),
        ({"num_key_value_heads": 3}, "multiple of kv_heads"),
        ({"kv_lora_rank": 512}, "latent attention"),
        ({"ssm_state_size": 16}, "state space"),
        ({"quantization_config": {"quant_method": "odd"}}, "quantised by odd"),
    ],
)
def test_a_config_that_cannot_be_planned_is_refused_with_a_reason(tmp_path, changes, said):
    with pytest.raises(SettingsError, match=said) as error:
        model_from(folder(tmp_path, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[]", "holds no object"), (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[" * 100_000, "not JSON")],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, content, said):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        model_from(tmp_path)


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        model_from(tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub of our own, an empty cache, no token."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with loopback_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        template = f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield found


def test_a_model_of_the_hub_is_known_by_its_name(hub):
    hub.put("maker/model", SHAPE, safetensors(7_600_000_000))
    found = find_model("maker/model", load())
    assert (found.name, found.layers, found.parameters) == ("maker/model", 28, 7.6e9)


def test_a_model_of_the_hub_thinks_as_its_chat_template_says(hub):
    hub.put("maker/Qwen3-8B-awq", {**SHAPE, "quantization_config": {"quant_method": "awq"}})
    hub.add_file(
        "maker/Qwen3-8B-awq", "tokenizer_config.json", json.dumps({"chat_template": HYBRID}).encode()
    )
    found = find_model("maker/Qwen3-8B-awq", load())
    assert (found.stored, found.thinks, found.modes) == ("awq", True, (True, False))
    assert found.thinking == load().find("Qwen/Qwen3-8B").thinking


def test_a_model_of_the_hub_is_asked_for_once(hub, monkeypatch):
    hub.put("maker/model", SHAPE)
    first = find_model("maker/model", load())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.requests)
    assert find_model("maker/model", load()) == first
    assert len(hub.requests) == asked
    assert first.parameters == first.counted_parameters


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_gated_model_needs_a_token(hub, monkeypatch, where):
    hub.put("maker/model", SHAPE, safetensors(1_000))
    hub.gated.add("maker/model")
    with pytest.raises(SettingsError, match=r"ask for access at https://huggingface\.co/maker/model"):
        find_model("maker/model", load())
    if where == ".env":
        Path(".env").write_text(f"HF_TOKEN={hub.token}\n")
    else:
        monkeypatch.setenv("HF_TOKEN", hub.token)
    assert find_model("maker/model", load()).parameters == 1_000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("maker/none", "the hub has no such repository: correct the name"),
        ("maker/weights", "the hub has no config.json of it"),
        ("what?/ever", "this is no name of a repository and no folder: correct it"),
        ("alone", "give MAKER/MODEL of the hub"),
    ],
)
def test_a_model_that_the_hub_lacks_is_refused(hub, name, said):
    hub.add_file("maker/weights", "model.safetensors", safetensors(1))
    with pytest.raises(SettingsError, match=said) as error:
        find_model(name, load())
    assert "\n" not in str(error.value)


def test_offline_is_one_line(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match="HF_HUB_OFFLINE forbids to ask the hub"):
        find_model("maker/model", load())


def test_a_hub_out_of_reach_is_one_line(hub, monkeypatch):
    url = f"http://127.0.0.1:{free_port()}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    with pytest.raises(SettingsError, match=r"the hub cannot be reached \(.*\): check the network") as error:
        find_model("maker/model", load())
    assert "\n" not in str(error.value)
