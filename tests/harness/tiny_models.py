"""Models with random weights, small enough to be trained in seconds on one core.

PyTorch makes them, which only the training environment has: each is made by a process of that environment.
"""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TUNE_PYTHON = ROOT / ".venv-tune" / "bin" / "python"


def tiny_llama(folder: Path, *, seed: int = 0) -> Path:
    """Save a Llama of 0.1 M parameters and a tokenizer of 320 tokens; returns the folder."""
    subprocess.run(
        [TUNE_PYTHON, "-m", "tests.harness.random_llama", folder, str(seed)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
    )
    return folder
