"""Hyperparameter search: trainings of a space's points, compared by their held-out loss.

What is named here is imported with its first use: the flags of a command need nothing that trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logicnet.tuning.search.run import SearchResult, search
    from logicnet.tuning.search.space import Space, load_space, space_of

__all__ = ["SearchResult", "Space", "load_space", "search", "space_of"]

_HOMES = {"run": ("SearchResult", "search"), "space": ("Space", "load_space", "space_of")}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
