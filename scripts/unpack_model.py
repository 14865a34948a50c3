"""Turn the demo's model, a Llama in a GGUF file, into what vLLM loads: safetensors, tokenizer, chat template.

Usage: .venv-vllm/bin/python scripts/unpack_model.py MODEL.gguf FOLDER

transformers does the same for any model, in 30 s of a processor: it imports PyTorch and reads the file three
times. This takes 4 s.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NAMES = {  # of a tensor in GGUF: in transformers
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL = 3
"""GGUF's type of a token that no text may spell."""


def unpack(path: Path, folder: Path) -> None:
    import ml_dtypes  # noqa: PLC0415  (only .venv-vllm has all of these)
    import numpy as np  # noqa: PLC0415
    from gguf import GGUFReader, dequantize  # noqa: PLC0415
    from safetensors.numpy import save_file  # noqa: PLC0415
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    class Reader(GGUFReader):  # type: ignore[misc]
        """Reads a plain array: each of the 300,000 slices of a memory map costs ten times as much."""

        @property
        def data(self) -> Any:
            return self._plain

        @data.setter
        def data(self, mapped: Any) -> None:
            self._plain = np.asarray(mapped)

    reader = Reader(path)

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    heads = {"attn_q": field("llama.attention.head_count"), "attn_k": field("llama.attention.head_count_kv")}

    def bfloat16(tensor: Any) -> tuple[str, Any]:
        kind = tensor.name.split(".")[-2]
        weights = dequantize(tensor.data, tensor.tensor_type)
        if kind in heads:  # GGUF keeps the halves of each head's rotation interleaved
            split = weights.reshape(heads[kind], -1, 2, weights.shape[1])
            weights = split.swapaxes(1, 2).reshape(weights.shape)
        name = "model." + tensor.name.replace("blk.", "layers.").replace(kind, NAMES[kind])
        return name, weights.astype(ml_dtypes.bfloat16)

    folder.mkdir(parents=True)
    tensors = dict(bfloat16(tensor) for tensor in reader.tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in control])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(field("tokenizer.chat_template"))

    words = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    ids = {f"{name}_token_id": field(f"tokenizer.ggml.{word}_token_id") for name, word in words.items()}
    named = {name.removesuffix("_id"): tokens[number] for name, number in ids.items()}
    config = ids | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "max_position_embeddings": field("llama.context_length"),
        "num_attention_heads": heads["attn_q"],
        "num_hidden_layers": field("llama.block_count"),
        "num_key_value_heads": heads["attn_k"],
        "rms_norm_eps": field("llama.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": field("llama.rope.freq_base")},
        "tie_word_embeddings": True,
        "vocab_size": field("llama.vocab_size"),
    }
    for name, content in {
        "config.json": config,
        "generation_config.json": ids,
        "tokenizer_config.json": named | {"tokenizer_class": "PreTrainedTokenizerFast"},
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
