"""Models that fit in a few kilobytes and that nothing loads: their files say what a test wants."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

TEMPLATE = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}{% endfor %}"


def model_folder(
    folder: Path,
    *,
    seed: int = 0,
    architecture: str = "LlamaForCausalLM",
    parameters: int = 256,
    template: str | None = TEMPLATE,
    **config: Any,
) -> Path:
    """A folder with a model of one tensor; a hole in the file stands for more than 256 parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 16, "max_position_embeddings": 4096}
    about = {"architectures": [architecture], "model_type": "llama", **shape, **config}
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "generation_config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    words = {} if template is None else {"chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(words))
    size = 2 * parameters
    header = json.dumps({"w": {"dtype": "BF16", "shape": [parameters], "data_offsets": [0, size]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + random.Random(seed).randbytes(512))
        file.truncate(8 + len(header) + size)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
