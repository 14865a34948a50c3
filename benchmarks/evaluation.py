"""Peak memory of an evaluation, above that of loading one model: `benchmarks/evaluation.py [MODEL]`.

Three peaks, each of a process in the training environment: the model loaded; loaded and compared with a
fine-tune; loaded and its loss measured on a row of the most tokens, 2,048, all of which count. The limit is
two of the model's largest tensors, as it is loaded on a CPU (float32). Exits 1 above it.
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
LIMIT = 2.0  # tensors

BEGIN = """
import sys
from pathlib import Path
from logicnet.tuning.train import evaluate as evaluating
from logicnet.tuning.train.compare import compare
from logicnet.tuning.train.evalfile import EvaluationRequest
model, other, rows = map(Path, sys.argv[1:4])
request = EvaluationRequest(str(other), str(model), "original/name", str(rows), "pretrain", device="cpu")
found = evaluating._rows(request)
loaded = evaluating._load(model, "cpu")
"""
COMPARE = """
compare(model, other, "original/name")
"""
MEASURE = """
assert max(len(ids) for ids, _ in found.rows) == request.max_length
evaluating.losses(loaded, found.rows, request.batch)
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
    print(max(4 * prod(file.get_slice(name).get_shape()) for name in file.keys()))
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


def main() -> int:
    model = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".run" / "model" / "smollm2").resolve()
    with tempfile.TemporaryDirectory() as place:
        other, rows = Path(place) / "other", Path(place) / "rows.jsonl"
        other.mkdir()
        (other / "config.json").symlink_to(model / "config.json")
        run(NOISE, model, other)
        rows.write_text(json.dumps({"text": "word " * 2100}) + "\n")  # a row of the most tokens, and a rest
        tensor = run(LARGEST, model)
        words = (model, other, rows)
        loaded = run(BEGIN + PEAK, *words)
        peaks = {
            "compared": run(BEGIN + COMPARE + PEAK, *words),
            "losses": run(BEGIN + MEASURE + PEAK, *words),
        }
    above = {name: (peak - loaded) / tensor for name, peak in peaks.items()}
    print(
        json.dumps(
            {
                "largest tensor, MB": tensor / 1e6,
                "model loaded, MB": loaded / 1e6,
                "peak, MB": {name: peak / 1e6 for name, peak in peaks.items()},
                "above the loaded model, in largest tensors": above,
                "limit": LIMIT,
            },
            indent=1,
        )
    )
    return int(max(above.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
