"""Turn a GGUF file into what vLLM loads: safetensors, tokenizer and chat template.

Usage: .venv-vllm/bin/python scripts/unpack_model.py MODEL.gguf FOLDER
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path


def unpack(gguf: Path, folder: Path) -> None:
    import gguf as gguf_files  # noqa: PLC0415  (only .venv-vllm has these, and they take seconds to import)
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    # transformers reads the whole file three times, and builds its map of names once for each tensor.
    for name in ("GGUFReader", "get_tensor_name_map"):
        setattr(gguf_files, name, functools.cache(getattr(gguf_files, name)))
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
