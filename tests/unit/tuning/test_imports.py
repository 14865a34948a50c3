"""What is decided before training needs nothing of what trains."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("data.prepare", "estimate", "facts", "families", "policy", "presets")
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "pyarrow",
    "numpy",
    "trl",
    "peft",
    "diffusers",
    "sympy",
    "openai",
)


def test_nothing_heavy_is_imported():
    names = [f"logicnet.tuning.{name}" for name in MODULES]
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert "logicnet" in loaded
    assert loaded.isdisjoint(HEAVY)
