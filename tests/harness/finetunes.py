"""Run in the training environment: ORIGINAL FOLDER. Fine-tunes of the original, and ways to pretend one."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ORIGINAL, FOLDER = map(Path, sys.argv[1:3])
BASE = load_file(ORIGINAL / "model.safetensors")
TOKENIZER = AutoTokenizer.from_pretrained(ORIGINAL)
LAYERS = 1 + max(int(found[1]) for name in BASE if (found := re.search(r"layers\.(\d+)\.", name)))

State = dict[str, torch.Tensor]


def load() -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(ORIGINAL, dtype=torch.float32)


def copy(name: str, state: State | None, **config: object) -> Path:
    """A folder with the original's configuration and tokenizer, and these weights."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    for path in ORIGINAL.iterdir():
        if path.name == "config.json":
            (folder / path.name).write_text(json.dumps(json.loads(path.read_text()) | config))
        elif path.suffix in (".json", ".jinja"):
            (folder / path.name).symlink_to(path)
    if state is not None:
        save_file({key: value.contiguous() for key, value in state.items()}, folder / "model.safetensors")
    return folder


def each(change: Callable[[torch.Tensor], torch.Tensor]) -> State:
    return {name: change(value.float()).to(value.dtype) for name, value in BASE.items()}


def sums(seed: int, number: int = 8) -> list[str]:
    draw = torch.randint(10, 90, (number, 2), generator=torch.Generator().manual_seed(seed)).tolist()
    return [f"What is {a} plus {b}? The sum of {a} and {b} is {a + b}.<|im_end|>" for a, b in draw]


def train(model: torch.nn.Module, lr: float, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW((one for one in model.parameters() if one.requires_grad), lr=lr)
    for step in range(steps):
        batch = TOKENIZER(sums(1000 * seed + step), return_tensors="pt", padding=True)
        batch["labels"] = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model(**batch).loss.backward()
        optimiser.step()
        optimiser.zero_grad()


def lora(seed: int, steps: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = get_peft_model(load(), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    train(model, 1e-3, steps, seed)
    return model


def merged(model: torch.nn.Module) -> State:
    state = model.merge_and_unload().state_dict()
    return {name: state[name].to(value.dtype) for name, value in BASE.items()}


def adapter(name: str, model: torch.nn.Module, base: str) -> None:
    model.save_pretrained(FOLDER / name)
    path = FOLDER / name / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": base}))


def noise(share: float, seed: int = 0) -> Callable[[torch.Tensor], torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return lambda value: value + share * value.std() * torch.randn(value.shape, generator=draw)


def shifted() -> State:
    def moved(name: str) -> str:
        return re.sub(r"layers\.(\d+)\.", lambda found: f"layers.{(int(found[1]) + 1) % LAYERS}.", name)

    return {name: BASE[moved(name)] for name in BASE}


def neurons(change: Callable[[State, str], None]) -> State:
    """Change what an MLP's three matrices hold without what they compute."""
    state = {name: value.clone() for name, value in BASE.items()}
    for layer in range(LAYERS):
        change(state, f"model.layers.{layer}.mlp.")
    return state


def permute(state: State, mlp: str) -> None:
    order = torch.randperm(state[f"{mlp}up_proj.weight"].shape[0], generator=torch.Generator().manual_seed(1))
    for name in ("gate_proj", "up_proj"):
        state[f"{mlp}{name}.weight"] = state[f"{mlp}{name}.weight"][order]
    state[f"{mlp}down_proj.weight"] = state[f"{mlp}down_proj.weight"][:, order]


def rescale(state: State, mlp: str) -> None:
    state[f"{mlp}up_proj.weight"] *= 2  # exact in any precision
    state[f"{mlp}down_proj.weight"] /= 2


def grown(state: State) -> State:
    rows = state["model.embed_tokens.weight"]
    return state | {"model.embed_tokens.weight": torch.cat([rows, rows.float().mean(0, True).to(rows.dtype)])}


copy("identical", BASE)
copy("noise_small", each(noise(0.001)))
copy("noise_large", each(noise(0.1)))
copy("noise_absolute", each(lambda value: value + 1e-3 * torch.randn(value.shape)))
copy("random", each(lambda value: torch.randn(value.shape) * value.std()))
copy("shifted", shifted())
copy("permuted", neurons(permute))
copy("rescaled", neurons(rescale))
copy("rows_added", grown(BASE), vocab_size=len(BASE["model.embed_tokens.weight"]) + 1)
copy("original_in_float32", {name: value.float() for name, value in BASE.items()}, dtype="float32")
(copy("empty_adapter_config", BASE) / "adapter_config.json").write_text("{}")
adapter("adapter_untrained", lora(0, 0), "original/name")

tuned = lora(1, 6)
adapter("adapter", tuned, "original/name")
adapter("adapter_from_path", tuned, "/data/models/original")
adapter("adapter_of_another", tuned, "other/name")
state = merged(tuned)
copy("merged", state, _name_or_path="/home/me/checkpoint-6")
copy("merged_and_a_token", grown(state), vocab_size=len(BASE["model.embed_tokens.weight"]) + 1)
copy("merged_in_float32", {name: value.float() for name, value in state.items()}, dtype="float32")
copy("merged_with_head", state | {"lm_head.weight": state["model.embed_tokens.weight"].clone()})
first = list(state)[: len(state) // 2]
shards = {"a.safetensors": first, "b.safetensors": [name for name in state if name not in first]}
folder = copy("merged_in_shards", None)
for shard, names in shards.items():
    save_file({name: state[name] for name in names}, folder / shard)
index = {"weight_map": {name: shard for shard, names in shards.items() for name in names}}
(folder / "model.safetensors.index.json").write_text(json.dumps(index))
draw = noise(0.0005)
copy("merged_and_noise", {name: draw(value.float()).to(value.dtype) for name, value in state.items()})
copy("merged_other_seed", merged(lora(2, 6)))

whole = load()
train(whole, 2e-5, 4, 3)
copy("full", {name: whole.state_dict()[name].to(value.dtype) for name, value in BASE.items()})
train(whole, 2e-5, 4, 4)
copy("full_in_float32", {name: whole.state_dict()[name] for name in BASE}, dtype="float32")
