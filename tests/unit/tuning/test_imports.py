"""What is decided before training needs nothing of what trains."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("data.prepare", "estimate", "facts", "families", "policy", "presets")
SERVED = ("serve", "service", "workshop", "control", "callers", "metrics", "worker", "engine")
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


def loaded(*modules: str, then: str = "") -> set[str]:
    """What modules of the room import, and a line of Python after them, by the first part of its name."""
    names = [f"logicnet.tuning.{name}" for name in modules]
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
    code += f"{then}\nprint(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in told.stdout.split()}
    assert "logicnet" in found
    return found


def test_nothing_heavy_is_imported() -> None:
    assert loaded(*MODULES).isdisjoint(HEAVY)


def test_a_service_starts_without_what_trains_or_fetches_or_signs() -> None:
    """`tune serve` is up in 2 s: these take seconds, and most services need none before a job comes."""
    assert loaded(*SERVED).isdisjoint({*HEAVY, "bittensor", "huggingface_hub", "ray"})


def test_bittensor_is_imported_where_signatures_are_checked() -> None:
    assert "bittensor" in loaded("callers", then="from logicnet.axon.btauth import BtauthWire")
