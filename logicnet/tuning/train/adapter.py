"""The folder that a job leaves: checked against what vLLM loads, and merged into its base where asked."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoTokenizer

from logicnet.errors import TuningError
from logicnet.tuning.train import loading
from logicnet.tuning.train.running import Ended, need_disk, saving, write_renamed

MOST_RANK = 512
"""vLLM's largest `--max-lora-rank`."""

_CHECKPOINT_ONLY = (
    "optimizer*",
    "scheduler*",
    "rng_state*",
    "scaler*",
    "trainer_state.json",
    "training_args.bin",
)


def check_config(folder: Path) -> None:
    """Raises Ended if vLLM would refuse the adapter (vllm/lora/peft_helper.py)."""
    found: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text())
    refused = [
        name
        for name, bad in (
            ("modules_to_save", bool(found.get("modules_to_save"))),
            ("use_dora", bool(found.get("use_dora"))),
            ("bias", found.get("bias", "none") != "none"),
            (f"r above {MOST_RANK}", found.get("r", 0) > MOST_RANK),
        )
        if bad
    ]
    if refused:
        raise Ended(
            "failed", f"{folder / 'adapter_config.json'} has {', '.join(refused)}, which vLLM refuses"
        )


def publish_checkpoint(checkpoint: Path, to: Path, base_name: str) -> None:
    """Copy what a checkpoint has of an adapter, under its base's name; `to` is whole or absent."""
    part = to.with_name(f".{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    need_disk(to.parent, _size(checkpoint))
    with saving(to.parent):
        shutil.copytree(checkpoint, part, ignore=shutil.ignore_patterns(*_CHECKPOINT_ONLY))
        config = part / "adapter_config.json"
        found = json.loads(config.read_text()) | {"base_model_name_or_path": base_name}
        if isinstance(found["target_modules"], list):
            found["target_modules"].sort()  # PEFT writes a set: the same adapter would have another hash
        config.write_text(json.dumps(found, indent=2))
        (part / "README.md").unlink(missing_ok=True)  # PEFT's model card with the base's local path
        check_config(part)
        write_renamed(to, part)


def publish_weights(checkpoint: Path, to: Path, dtype: torch.dtype) -> None:
    """Save a checkpoint of all weights in the base's number type; `to` is whole or absent."""
    part = to.with_name(f".{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    need_disk(to.parent, _size(checkpoint))
    with saving(to.parent):
        load_base(checkpoint, dtype).save_pretrained(part)
        AutoTokenizer.from_pretrained(checkpoint).save_pretrained(part)
        write_renamed(to, part)


def merge(base: Path, adapter: Path, to: Path) -> None:
    """Add an adapter to its base in float32 and save the sum in the base's number type. Raises Ended."""
    for folder, name in ((base, "config.json"), (adapter, "adapter_config.json")):
        if not (folder / name).exists():
            raise Ended("failed", f"{folder} has no {name}")
    part = to.with_name(f".{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model = load_base(base, torch.float32)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    to.parent.mkdir(parents=True, exist_ok=True)
    with saving(to.parent):
        merged.to(base_dtype(base)).save_pretrained(part)
        AutoTokenizer.from_pretrained(base).save_pretrained(part)
        write_renamed(to, part)


def load_base(folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    """As `loading.load_base`. Raises Ended."""
    try:
        return loading.load_base(folder, dtype=dtype, **options)
    except TuningError as error:
        raise Ended("failed", str(error)) from None


def base_dtype(folder: Path) -> torch.dtype:
    """The number type that a model's config names; float32 if none."""
    found = AutoConfig.from_pretrained(folder, local_files_only=True).dtype
    return found if isinstance(found, torch.dtype) else torch.float32


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
