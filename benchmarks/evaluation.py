"""Peak memory of an evaluation, above that of loading one model: `benchmarks/evaluation.py [MODEL] [COPIES]`.

Two tensors above the loaded model are the limit. Both run in the training environment, one process each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-tune" / "bin" / "python"

LOAD = """
import sys
from pathlib import Path
from logicnet.tuning.train import compare
from logicnet.tuning.train.evaluate import _load
model = _load(Path(sys.argv[1]), "cpu")
"""
COMPARE = """
import sys
from pathlib import Path
from logicnet.tuning.train.evaluate import _load
from logicnet.tuning.train.compare import compare
if sys.argv[3] == "loaded":
    model = _load(Path(sys.argv[1]), "cpu")
compare(Path(sys.argv[1]), Path(sys.argv[2]), "original/name")
"""
PEAK = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
LARGEST = """
import sys
from math import prod
from safetensors import safe_open
with safe_open(sys.argv[1] + "/model.safetensors", "pt") as file:
    print(max(file.get_tensor(name).nbytes for name in file.keys()))
"""
NOISE = """
import sys
import torch
from safetensors.torch import load_file, save_file
state = load_file(sys.argv[1] + "/model.safetensors")
save_file({k: (v.float() * 1.01).to(v.dtype) for k, v in state.items()}, sys.argv[2] + "/model.safetensors")
"""


def run(code: str, *words: str | Path) -> int:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [PYTHON, "-c", code, *words], env=environment, check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    return int(done.stdout or 0)


def main() -> None:
    model = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".run" / "model" / "smollm2").resolve()
    with tempfile.TemporaryDirectory() as place:
        other = Path(place)
        (other / "config.json").symlink_to(model / "config.json")
        run(NOISE, model, other)
        tensor = run(LARGEST, model)
        loaded = run(LOAD + PEAK, model)
        both = run(COMPARE + PEAK, model, other, "loaded")
        alone = run(COMPARE + PEAK, model, other, "alone")
    print(
        json.dumps(
            {
                "largest tensor, MB": tensor / 1e6,
                "model loaded, MB": loaded / 1e6,
                "model loaded and two compared, MB": both / 1e6,
                "two compared without a model, MB": alone / 1e6,
                "above the loaded model, in largest tensors": (both - loaded) / tensor,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
