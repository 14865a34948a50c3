"""competitions.toml: the competitions of this package."""

import tomllib
from importlib.resources import files
from typing import Any


def data(name: str) -> dict[str, Any]:
    """The table `name`."""
    text = files("logicnet.tuning.compete").joinpath("competitions.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)[name]
    return found
