"""A language model and its tokenizer, loaded from a folder. Needs the training environment."""

from pathlib import Path
from typing import Any


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer; safetensors only, and no code of the folder. Raises what transformers raises."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    model = AutoModelForCausalLM.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    return model, tokenizer
