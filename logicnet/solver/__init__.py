"""How a challenge is answered: the public API of a solver, and the registry of solvers by name.

A solver is one async call. docs/solvers.md says how to add one.

What is named here is imported with its first use: the workers run functions of this place, and each of them
would take another 19 MB for models and settings that it never sees.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logicnet.deadline import Deadline
    from logicnet.llm import Completion, Message, Models, Retrying
    from logicnet.protocol import Answer, Challenge
    from logicnet.solver._registry import build, load_solver, on_shift, solver_names
    from logicnet.solver._types import Setup, Solver, asks_models, free
    from logicnet.votelog import SamplerVote, VoteLog

__all__ = ["Answer", "Challenge", "Completion", "Deadline", "Message", "Models", "Retrying", "SamplerVote"]
__all__ += ["Setup", "Solver", "VoteLog", "asks_models", "build", "free", "load_solver", "on_shift"]
__all__ += ["solver_names"]

_HOMES = {
    "logicnet.deadline": ("Deadline",),
    "logicnet.llm": ("Completion", "Message", "Models", "Retrying"),
    "logicnet.protocol": ("Answer", "Challenge"),
    "logicnet.solver._registry": ("build", "load_solver", "on_shift", "solver_names"),
    "logicnet.solver._types": ("Setup", "Solver", "asks_models", "free"),
    "logicnet.votelog": ("SamplerVote", "VoteLog"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
