"""A model that is in no catalogue: from config.json and the safetensors headers of a folder or of the hub."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from huggingface_hub import HfApi, get_local_safetensors_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError
from huggingface_hub.utils import SafetensorsRepoMetadata
from huggingface_hub.utils.tqdm import disable_progress_bars
from loguru import logger
from pydantic import ValidationError

from logicnet._util.hub import why_not_given
from logicnet.config.started import env_file_values
from logicnet.errors import SettingsError
from logicnet.operate.serving.catalogue import Model, Precision
from logicnet.operate.serving.memory import GIB
from logicnet.solver.race.profiles import load_profiles, profile_for

_CONFIG = "config.json"

_OTHER_CACHES = {
    "kv_lora_rank": "latent attention (MLA)",
    "ssm_state_size": "a state space (Mamba)",
    "mamba_d_state": "a state space (Mamba)",
    "linear_num_value_heads": "linear attention",
}
"""Fields of models whose cache is not a key and a value for every token, which is all that we can count."""

_GENERATORS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ChatGLMModel")
"""Endings of architectures that generate text; others (BERT, say) only read it."""

_DEFAULTS: Mapping[str, dict[str, Any]] = {
    "gemma2": {"sliding_window_pattern": 2},
    "gemma3_text": {
        **{"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262_208},
        **{"max_position_embeddings": 131_072, "tie_word_embeddings": True, "sliding_window_pattern": 6},
    },
    "gpt_oss": {"sliding_window_pattern": 2},
}
"""What a config.json leaves out by its model type: the defaults of transformers' configurations."""

_NO_FLOAT16 = ("gemma2", "gemma3", "gemma3_text", "glm4")
"""Model types that vLLM 0.32 refuses in float16 (_FLOAT16_NOT_SUPPORTED_MODELS in vllm/config/model.py)."""

_TEMPLATES = ("chat_template.jinja", "tokenizer_config.json")
_OPENS_THINKING = re.compile(r"<think>|\[THINK\]")


def model_from(path: Path) -> Model:
    """The model of a folder with a config.json, or of such a file. Raises SettingsError."""
    file = path / _CONFIG if path.is_dir() else path
    texts = {one.name: _text(one) for name in _TEMPLATES if (one := file.parent / name).is_file()}
    return _model(file, str(file.parent), str(file), _local_weights(file.parent), texts)


def model_from_hub(name: str) -> Model:
    """The model MAKER/MODEL from the cache of huggingface_hub, or else from the hub. Raises SettingsError.

    HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE and HF_TOKEN (also of `.env`) are respected.
    """
    disable_progress_bars()
    token = os.environ.get("HF_TOKEN") or env_file_values(Path(".env")).get("HF_TOKEN")
    hub = HfApi(token=token)
    try:
        cached = try_to_load_from_cache(name, _CONFIG)
        if not isinstance(cached, str):
            hub.get_hf_file_metadata(url=hf_hub_url(name, _CONFIG, endpoint=hub.endpoint))  # without retries
            cached = hub.hf_hub_download(name, _CONFIG)
        file = Path(cached)
    except Exception as error:  # of HTTP, network and cache; their classes depend on the library's version
        reason = why_not_given(error, name, _CONFIG)
        raise SettingsError(
            f"nothing is known of the model {name}: it is not in the catalogue, and {reason}"
        ) from None
    weights = _local_weights(file.parent)
    if weights is None:
        try:
            weights = hub.get_safetensors_metadata(name)
        except Exception as error:  # as above; then the shapes alone must do
            logger.debug("The weights of {} are counted by shapes: {}", name, error)
    texts = {}
    for wanted in _TEMPLATES:
        with suppress(Exception):  # not every model has both; without them its name must do
            cached = try_to_load_from_cache(name, wanted)
            found = cached if isinstance(cached, str) else hub.hf_hub_download(name, wanted)
            texts[wanted] = _text(Path(found))
    return _model(file, name, f"huggingface.co/{name}", weights, texts)


def _model(
    file: Path, name: str, source: str, weights: SafetensorsRepoMetadata | None, texts: Mapping[str, str]
) -> Model:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{file} is not JSON") from None
    if not isinstance(config, dict):
        raise SettingsError(f"{file} is not the config.json of a model: it holds no object")
    text = config.get("text_config")
    shape = {**config, **text} if isinstance(text, dict) else config
    shape = _DEFAULTS.get(str(shape.get("model_type")), {}) | shape
    architectures = [str(one) for one in config.get("architectures") or ()]
    generates = not architectures or any(one.endswith(_GENERATORS) for one in architectures)
    if not generates or shape.get("is_encoder_decoder"):
        kind = ", ".join(architectures) or "an encoder and a decoder"
        raise SettingsError(f"{file} describes {kind}, which does not generate text: take another model")
    for field, kind in _OTHER_CACHES.items():
        if shape.get(field):
            raise SettingsError(
                f"{file} describes a model with {kind}, whose cache cannot be planned; start vLLM with your "
                "own flags"
            )
    try:
        return _planned(file, name, source, shape, weights).model_copy(
            update=_chat(name, str(shape.get("model_type")), texts)
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        what = error.args[0] if isinstance(error, KeyError) else "a number"
        raise SettingsError(f"{file} describes no model that can be planned: {what} is missing") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise SettingsError(f"{file} is wrong: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def _planned(
    file: Path, name: str, source: str, shape: dict[str, Any], weights: SafetensorsRepoMetadata | None
) -> Model:
    heads, hidden = shape["num_attention_heads"], shape["hidden_size"]
    experts = shape.get("num_local_experts") or shape.get("num_experts") or 1
    stored, bits = _stored(file, shape)
    window = shape.get("sliding_window") if shape.get("use_sliding_window", True) else None
    loads_bytes, parameters = _weighed(weights, stored) if weights is not None else (0, 0)
    model = Model(
        name=name,
        family=str(shape.get("model_type", "")),
        parameters_b=1.0,  # counted below
        layers=shape["num_hidden_layers"],
        hidden=hidden,
        intermediate=(shape.get("moe_intermediate_size") if experts > 1 else None)
        or shape["intermediate_size"],
        experts=experts,
        heads=heads,
        kv_heads=shape.get("num_key_value_heads") or heads,
        head_size=shape.get("head_dim") or hidden // heads,
        vocab=shape["vocab_size"],
        tied=bool(shape.get("tie_word_embeddings")),
        context=shape["max_position_embeddings"],
        window=window,
        window_layers=_windowed(shape) if window else 0,
        float16=shape.get("model_type") not in _NO_FLOAT16,
        stored=stored,
        bits=bits,
        loads_gib=loads_bytes / GIB if loads_bytes else None,
        source=source,
    )
    parameters = parameters or model.counted_parameters
    active = shape.get("num_experts_per_tok") if experts > 1 else None
    idle = model.expert_parameters * (1 - active / experts) if active else 0.0
    return model.model_copy(
        update={"parameters_b": parameters / 1e9, "active_b": (parameters - idle) / 1e9 if idle else None}
    )


def _windowed(shape: Mapping[str, Any]) -> int:
    """How many layers look back no further than the window."""
    if kinds := shape.get("layer_types"):
        return sum(kind == "sliding_attention" for kind in kinds)
    layers: int = shape["num_hidden_layers"]
    every = shape.get("sliding_window_pattern")
    return layers - layers // every if every else layers


def _chat(name: str, family: str, texts: Mapping[str, str]) -> dict[str, bool]:
    """Whether it can be asked in a chat, and whether it thinks: by its chat template, else by its name."""
    found = {"thinks": profile_for(Path(name).name, load_profiles()).thinking}
    template = texts.get("chat_template.jinja")
    with suppress(KeyError, ValueError, AttributeError):  # without tokenizer_config.json nothing is known
        template = template or json.loads(texts["tokenizer_config.json"]).get("chat_template")
        found["answers"] = template is not None or family.startswith(
            "mistral"
        )  # those have their own tokenizer
    # What the template writes before an answer is its end: there a block of thinking is opened
    *_, end = str(template or "").rpartition("add_generation_prompt")
    if "enable_thinking" in str(template) or _OPENS_THINKING.search(end):
        found["thinks"] = "not thinking" not in end
    return found


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _stored(file: Path, shape: dict[str, Any]) -> tuple[Precision, float | None]:
    """The precision of the checkpoint, and the bits of a quantised weight where it says so."""
    quantised = shape.get("quantization_config")
    if not isinstance(quantised, dict):
        return "full", None
    method = str(quantised.get("quant_method", "")).lower()
    groups = quantised.get("config_groups")
    weights = next(iter(groups.values())).get("weights") or {} if groups else quantised
    bits = next((weights[key] for key in ("bits", "w_bit", "num_bits") if key in weights), None)
    group = weights.get("group_size") or 0
    scales = 20 / group if group > 0 else 0.0  # of 16 bits, and a zero of 4, for each group
    for precision in get_args(Precision):
        if precision == method != "full":
            return precision, bits + scales if bits else None
    raise SettingsError(
        f"{file} is quantised by {method or 'an unnamed method'}, which cannot be planned; start vLLM with "
        "your own flags"
    )


def _weighed(weights: SafetensorsRepoMetadata, stored: Precision) -> tuple[int, int]:
    """Bytes in memory, and parameters (0 if they are packed and cannot be counted)."""
    tensors = [tensor for file in weights.files_metadata.values() for tensor in file.tensors.values()]
    if stored == "full":  # vLLM loads them in 16 bits, whatever the file has
        parameters = sum(tensor.parameter_count for tensor in tensors)
        return 2 * parameters, parameters
    return sum(tensor.data_offsets[1] - tensor.data_offsets[0] for tensor in tensors), 0


def _local_weights(folder: Path) -> SafetensorsRepoMetadata | None:
    """The headers of the weights in a folder; None if they are absent or incomplete. Raises SettingsError."""
    single = folder / "consolidated.safetensors"  # Mistral's, beside the parts or alone
    try:
        return get_local_safetensors_metadata(folder)
    except NotASafetensorsRepoError:
        return get_local_safetensors_metadata(single) if single.exists() else None
    except FileNotFoundError:
        return None
    except SafetensorsParsingError as error:
        raise SettingsError(f"{folder} holds a broken file: {error} Download it again.") from None
