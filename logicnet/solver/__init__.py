"""How a challenge is answered: the `Solver` protocol and the registry of solvers by name.

A solver is one async call. docs/solvers.md says how to add one.
"""

from logicnet.solver._registry import load_solver, solver_names
from logicnet.solver._types import Solver, asks_models
from logicnet.trail import LaneVote, Trail

__all__ = ["LaneVote", "Solver", "Trail", "asks_models", "load_solver", "solver_names"]
