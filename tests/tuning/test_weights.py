"""Files of strangers that are compared with a model's: odd ones are told apart, and none is a crash."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.harness.tiny_models import ROOT, TUNE_PYTHON

MAKE_AND_COMPARE = """
import json, sys, torch
from dataclasses import asdict
from pathlib import Path
from safetensors.torch import save_file
from logicnet.tuning.train.compare import compare
from logicnet.tuning.train.weights import NotLoadable

place, cases = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
torch.manual_seed(0)
BASE = {
    "model.embed_tokens.weight": torch.randn(12, 8),
    "model.layers.0.self_attn.q_proj.weight": torch.randn(8, 8),
    "model.layers.0.scale": torch.tensor(0.5),
}
PAIR = {"A.weight": torch.randn(2, 8), "B.weight": torch.randn(8, 2)}

def write(folder, name, tensors, config, text):
    folder.mkdir()
    save_file(tensors, folder / f"{name}.safetensors")
    (folder / ("config.json" if name == "model" else "adapter_config.json")).write_text(
        text if text is not None else json.dumps(config)
    )

config = {"model_type": "llama", "tie_word_embeddings": True}
write(place / "base", "model", BASE, config, None)
found = {}
for name, case in cases.items():
    folder = place / name
    if case["kind"] == "whole":
        dtype = getattr(torch, case.get("dtype", "float32"))
        moved = {key: (value + 0.01 * case["moved"]).to(dtype) for key, value in BASE.items()}
        write(folder, "model", moved, config, case.get("text"))
    else:
        rows = 12 if case["module"] == "lm_head" else 8
        pair = {"A.weight": PAIR["A.weight"], "B.weight": torch.randn(rows, 2)}
        tensors = {f"base_model.model.{case['module']}.lora_{key}": value for key, value in pair.items()}
        adapter = {"peft_type": "LORA", "base_model_name_or_path": "o/n", "lora_alpha": 4} | case["config"]
        write(folder, "adapter_model", tensors, adapter, case.get("text"))
    try:
        at_hand = place / case["at_hand"] if "at_hand" in case else None
        found[name] = asdict(compare(place / "base", folder, case.get("original", "o/n"), at_hand))
    except NotLoadable as error:
        found[name] = {"error": str(error)}
print(json.dumps(found))
"""

Q = "model.layers.0.self_attn.q_proj"
DEEP = "[" * 100_000
CASES: dict[str, dict[str, Any]] = {
    "same": {"kind": "whole", "moved": 0},
    "moved": {"kind": "whole", "moved": 1},
    "deep": {"kind": "whole", "moved": 1, "text": DEEP},
    "adapter": {"kind": "adapter", "module": Q, "config": {}},
    "on_head": {"kind": "adapter", "module": "lm_head", "config": {}},
    "elsewhere": {"kind": "adapter", "module": "model.layers.7.mlp.up_proj", "config": {}},
    "alpha_null": {"kind": "adapter", "module": Q, "config": {"lora_alpha": None}},
    "alpha_text": {"kind": "adapter", "module": Q, "config": {"lora_alpha": "four"}},
    "alpha_list": {"kind": "adapter", "module": Q, "config": {"lora_alpha": [4]}},
    "pattern_list": {"kind": "adapter", "module": Q, "config": {"alpha_pattern": ["q_proj"]}},
    "pattern_broken": {"kind": "adapter", "module": Q, "config": {"alpha_pattern": {"(": 4}}},
    "pattern_slow": {"kind": "adapter", "module": Q, "config": {"alpha_pattern": {r"(\w+\.?)+!": 4}}},
    "rank_slow": {"kind": "adapter", "module": Q, "config": {"rank_pattern": {r"(\w+\.?)+!": 4}}},
    "saved_slow": {"kind": "adapter", "module": Q, "config": {"modules_to_save": [r"(\w+\.?)+!"]}},
    "pattern": {"kind": "adapter", "module": Q, "config": {"alpha_pattern": {"^model.layers.0": 4, Q: 8}}},
    "adapter_deep": {"kind": "adapter", "module": Q, "config": {}, "text": DEEP},
    "in_16_bits": {"kind": "whole", "moved": 0, "dtype": "bfloat16"},
    "quantised": {"kind": "whole", "moved": 0, "dtype": "int8"},
}
NAMED: dict[str, tuple[str, str, str | None, bool, bool]] = {
    # the base that the adapter names, the original's name, what is at hand: other_base, base_unknown
    "same_name": ("O/N", "o/n", None, False, False),
    "a_path": ("/data/models/x", "o/n", None, False, False),
    "the_same_path": ("models/x", "./models/x", None, False, False),
    "a_mirror": ("mirror/n", "o/n", None, False, True),
    "original_by_path": ("o/n", "/local/n", None, False, True),
    "mirror_here": ("mirror/n", "o/n", "same", False, False),
    "mirror_in_16_bits": ("mirror/n", "o/n", "in_16_bits", False, False),
    "original_here": ("o/n", "/local/n", "base", False, False),
    "another_here": ("mirror/n", "o/n", "moved", True, False),
    "another_under_this_name": ("o/n", "o/n", "moved", True, False),
    "another_by_path": ("/data/models/x", "o/n", "moved", True, False),
    "quantised_here": ("mirror/n", "o/n", "quantised", False, True),
    "no_weights_here": ("mirror/n", "o/n", "deep", False, True),
}
CASES |= {
    name: {
        "kind": "adapter",
        "module": Q,
        "config": {"base_model_name_or_path": base},
        "original": original,
        **({} if at_hand is None else {"at_hand": at_hand}),
    }
    for name, (base, original, at_hand, *_) in NAMED.items()
}
BROKEN = (
    *("deep", "alpha_null", "alpha_text", "alpha_list", "pattern_list", "pattern_broken", "adapter_deep"),
    *("pattern_slow", "rank_slow", "saved_slow"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("weights")
    (place / "cases.json").write_text(json.dumps(CASES))
    done = subprocess.run(
        [TUNE_PYTHON, "-c", MAKE_AND_COMPARE, place, place / "cases.json"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_tensor_without_dimensions_is_compared_too(found):
    assert (found["same"]["same"], found["same"]["tensors"]) == (3, 3)
    assert (found["moved"]["same"], found["moved"]["rows_added"]) == (0, 0)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_makes_a_submission_unreadable(found, name):
    assert list(found[name]) == ["error"]
    assert "\n" not in found[name]["error"]


def test_an_adapter_of_a_head_that_the_embedding_is_fits(found):
    assert found["on_head"]["extra"] == []
    assert found["on_head"]["same"] == found["on_head"]["tensors"] - 1 == 3


def test_an_adapter_of_a_module_that_the_original_lacks_does_not_fit(found):
    assert found["elsewhere"]["extra"] == ["layers.7.mlp.up_proj.weight"]
    assert found["adapter"]["extra"] == found["pattern"]["extra"] == []
    assert found["pattern"]["hash"] != found["adapter"]["hash"]
    assert (found["adapter"]["same"], found["adapter"]["tensors"]) == (2, 3)


@pytest.mark.parametrize("name", NAMED)
def test_an_adapters_base_is_told_by_its_weights_where_they_are_at_hand(found, name):
    assert (found[name]["other_base"], found[name]["base_unknown"]) == NAMED[name][3:]
