"""A model that is in no catalogue, from the config.json beside its weights (transformers' format)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from logicnet.errors import SettingsError
from logicnet.operate.serving.model import Model, Precision

_GIB = 1 << 30

_OTHER_CACHES = {
    "kv_lora_rank": "latent attention (MLA)",
    "ssm_state_size": "a state space (Mamba)",
    "mamba_d_state": "a state space (Mamba)",
    "linear_num_value_heads": "linear attention",
}
"""Fields that tell of a cache that is not keys and values of every token: our arithmetic is not for those."""

_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ChatGLMModel")
"""How the architectures end that write text; others (BERT, say) read it only."""

_STORED: dict[str, Precision] = {
    "awq": "awq",
    "gptq": "gptq",
    "fp8": "fp8",
    "mxfp4": "mxfp4",
}


def model_from(path: Path) -> Model:
    """The model of a folder with a config.json, or of such a file. SettingsError if it cannot be planned."""
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{file} is not JSON") from None
    if not isinstance(config, dict):
        raise SettingsError(f"{file} is not the config.json of a model: no object")
    text = config.get("text_config")
    shape = {**config, **text} if isinstance(text, dict) else config
    named = config.get("architectures")
    architectures = [str(name) for name in named] if isinstance(named, list) else []
    writes = not architectures or any(name.endswith(_WRITERS) for name in architectures)
    if not writes or shape.get("is_encoder_decoder"):
        what = ", ".join(architectures) or "an encoder and a decoder"
        raise SettingsError(f"{file} is of {what}, no model that one can talk with: take another")
    for field, kind in _OTHER_CACHES.items():
        if shape.get(field):
            raise SettingsError(
                f"{file} is of a model with {kind}, whose cache we cannot reckon; "
                "start vLLM with your own flags"
            )
    try:
        return _model(file, shape)
    except (KeyError, TypeError, ArithmeticError) as error:
        what = error.args[0] if isinstance(error, KeyError) else "a number where there is none"
        raise SettingsError(
            f"{file} is not the config.json of a model that we know: {what} is missing"
        ) from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise SettingsError(f"{file} is wrong: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def _model(file: Path, shape: dict[str, Any]) -> Model:
    heads, hidden = shape["num_attention_heads"], shape["hidden_size"]
    experts = shape.get("num_local_experts") or shape.get("num_experts") or 1
    stored, weights = _stored(file, shape), _weights_bytes(file.parent)
    if stored == "full" and "float32" in (shape.get("dtype"), shape.get("torch_dtype")):
        weights //= 2  # vLLM loads them in 16 bits
    model = Model(
        name=str(file.parent),
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
        window=shape.get("sliding_window"),
        stored=stored,
        loads_gib=weights / _GIB if weights else None,
        source=str(file),
    )
    counted = weights / 2 if weights and stored == "full" else model.counted_parameters
    active = shape.get("num_experts_per_tok") if experts > 1 else None
    passed_by = model.expert_parameters * (1 - active / experts) if active else 0.0
    return model.model_copy(
        update={
            "parameters_b": counted / 1e9,
            "active_b": (counted - passed_by) / 1e9 if passed_by else None,
        }
    )


def _stored(file: Path, shape: dict[str, Any]) -> Precision:
    quantised = shape.get("quantization_config")
    if not isinstance(quantised, dict):
        return "full"
    method = str(quantised.get("quant_method", "")).lower()
    if method not in _STORED:
        raise SettingsError(
            f"{file} is quantised by {method or 'an unnamed method'}, which we cannot reckon; "
            "start vLLM with your own flags"
        )
    return _STORED[method]


def _weights_bytes(folder: Path) -> int:
    """The weights that lie beside it, in bytes; 0 if only the config.json is there.

    Mistral's may lie there twice, in whole and in parts; vLLM loads one of the two.
    """
    files = list(folder.glob("*.safetensors"))
    once = [file for file in files if not file.name.startswith("consolidated")] or files
    return sum(file.stat().st_size for file in once)
