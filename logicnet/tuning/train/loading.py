"""A language model and its tokenizer, loaded from a folder. Needs the training environment."""

from pathlib import Path
from typing import Any

from logicnet.errors import TuningError


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a folder. Raises TuningError, and what transformers raises."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    model = load_base(folder)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    return model, tokenizer


def load_base(folder: Path, **options: Any) -> Any:
    """A causal language model from safetensors: a pickle is never loaded, nor code of the folder run.

    Raises TuningError for a whole model with an adapter beside it, which would load itself.
    """
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    if (folder / "adapter_config.json").exists():
        raise TuningError(f"{folder} holds an adapter, which would change the model: remove adapter_*")
    return AutoModelForCausalLM.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, **options
    )
