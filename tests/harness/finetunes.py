"""Run in the training environment: MODEL LAYERS FOLDER. Fine-tunes of a model, and ways to pretend one.

Makes FOLDER/original of the model's first layers and tokens, FOLDER/submissions/NAME, and FOLDER/bases/NAME
of what an adapter names as its base, where that is at hand. Code that must never be run leaves
FOLDER/submissions/ran.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL, LAYERS = Path(sys.argv[1]).absolute(), int(sys.argv[2])
ORIGINAL, FOLDER = (Path(sys.argv[3]).absolute() / name for name in ("original", "submissions"))
RAN = FOLDER / "ran"
TOKENIZER = AutoTokenizer.from_pretrained(MODEL)
VOCABULARY = 12_288  # of 49,152 tokens: those of short English words
BASE = {
    name: value[:VOCABULARY].clone() if "embed_tokens" in name else value
    for name, value in load_file(MODEL / "model.safetensors").items()
    if not (layer := re.search(r"layers\.(\d+)\.", name)) or int(layer[1]) < LAYERS
}

State = dict[str, torch.Tensor]


def load(folder: Path = ORIGINAL) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def copy(name: str, state: State | None, **config: object) -> Path:
    """A folder with the original's configuration and tokenizer, and these weights."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    for path in MODEL.iterdir():
        if path.name == "config.json":
            layers = {"num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
            (folder / path.name).write_text(json.dumps(json.loads(path.read_text()) | layers | config))
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


def lora(seed: int, steps: int, base: Path = ORIGINAL) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = get_peft_model(load(base), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    train(model, 1e-3, steps, seed)
    return model


def merged(model: torch.nn.Module) -> State:
    state = model.merge_and_unload().state_dict()
    return {name: state[name].to(value.dtype) for name, value in BASE.items()}


def adapter(name: str, model: torch.nn.Module, base: str) -> None:
    model.save_pretrained(FOLDER / name)
    path = FOLDER / name / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": base}))


def asks_slowly(name: str) -> None:
    """Give an adapter expressions that take for ever on the name of a module."""
    path = FOLDER / name / "adapter_config.json"
    slow = dict.fromkeys(("target_modules", "exclude_modules"), r"(\w+\.?)+!")
    path.write_text(json.dumps(json.loads(path.read_text()) | slow))


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


class Bomb:
    def __reduce__(self) -> object:
        return Path.touch, (RAN,)


copy("../original", BASE)
copy("identical", BASE)
copy("noise_small", each(noise(0.001)))
copy("noise_large", each(noise(0.1)))
copy("noise_absolute", each(lambda value: value + 1e-3 * torch.randn(value.shape)))
copy("random", each(lambda value: torch.randn(value.shape) * value.std()))
copy("shifted", shifted())
copy("permuted", neurons(permute))
copy("rescaled", neurons(rescale))
copy("rows_added", grown(BASE), vocab_size=VOCABULARY + 1)
copy("original_in_float32", {name: value.float() for name, value in BASE.items()}, dtype="float32")
(copy("empty_adapter_config", BASE) / "adapter_config.json").write_text("{}")
adapter("adapter_untrained", lora(0, 0), "original/name")

tuned = lora(1, 6)
adapter("adapter", tuned, "original/name")
adapter("adapter_from_path", tuned, "/data/models/original")
adapter("adapter_by_expression", tuned, "original/name")
asks_slowly("adapter_by_expression")
adapter("adapter_under_another_name", tuned, "mirror/name")
adapter("adapter_of_a_mirror", tuned, "mirror/name")
copy("../bases/adapter_of_a_mirror", grown(BASE), vocab_size=VOCABULARY + 1)
other = copy("../bases/adapter_of_another_here", shifted())
adapter("adapter_of_another_here", tuned, "other/name")  # its loss falls, but it says that it was made for it
adapter("adapter_of_another", lora(1, 6, other), "other/name")
state = merged(tuned)
copy("merged", state, _name_or_path="/home/me/checkpoint-6")
copy("merged_and_a_token", grown(state), vocab_size=VOCABULARY + 1)
copy("merged_in_float32", {name: value.float() for name, value in state.items()}, dtype="float32")
copy("merged_with_head", state | {"lm_head.weight": state["model.embed_tokens.weight"].clone()})
first = list(state)[: len(state) // 2]
shards = {"a.safetensors": first, "b.safetensors": [name for name in state if name not in first]}
folder = copy("merged_in_shards", None)
for shard, names in shards.items():
    save_file({name: state[name] for name in names}, folder / shard)
index = {"metadata": {}, "weight_map": {name: shard for shard, names in shards.items() for name in names}}
(folder / "model.safetensors.index.json").write_text(json.dumps(index))
draw = noise(0.0005)
copy("merged_and_noise", {name: draw(value.float()).to(value.dtype) for name, value in state.items()})
copy("merged_other_seed", merged(lora(2, 6)))

whole = load()
train(whole, 2e-5, 4, 3)
copy("full", {name: whole.state_dict()[name].to(value.dtype) for name, value in BASE.items()})
train(whole, 2e-5, 4, 4)
copy("full_in_float32", {name: whole.state_dict()[name] for name in BASE}, dtype="float32")

torch.save({"weight": Bomb()}, copy("only_a_pickle", None) / "pytorch_model.bin")
(copy("damaged", None) / "model.safetensors").write_bytes(b"\xff" * 1000)
whole_file = (ORIGINAL / "model.safetensors").read_bytes()
(copy("cut_short", None) / "model.safetensors").write_bytes(whole_file[:-1000])
folder = copy("shard_outside", None)
(folder / "model.safetensors.index.json").write_text(
    json.dumps({"metadata": {}, "weight_map": dict.fromkeys(BASE, "../merged/model.safetensors")})
)
for name, kind in (("code_of_its_own", "stranger"), ("code_beside", "llama")):
    classes = {"AutoConfig": "stranger.Config", "AutoModelForCausalLM": "stranger.Model"}
    folder = copy(name, state, model_type=kind, auto_map=classes)
    (folder / "stranger.py").write_text(f"open({str(RAN)!r}, 'w')")
copy(
    "fewer_layers",
    {n: v for n, v in BASE.items() if f"layers.{LAYERS - 1}." not in n},
    num_hidden_layers=LAYERS - 1,
)
copy("nan", BASE | {"model.norm.weight": BASE["model.norm.weight"] * float("nan")})
for name, change in (("adapter_of_other_shape", 16), ("adapter_with_dora", 0), ("adapter_in_a_pickle", 0)):
    adapter(name, tuned_again := lora(1, 0), "original/name")
    path = FOLDER / name
    weights = path / "adapter_model.safetensors"
    if change:
        save_file(
            {n: v if ".lora_B." in n else v[:, :-change].contiguous() for n, v in load_file(weights).items()},
            weights,
        )
    elif name == "adapter_with_dora":
        config = path / "adapter_config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"use_dora": True}))
    else:
        torch.save({"weight": Bomb()}, path / "adapter_model.bin")
        weights.unlink()
