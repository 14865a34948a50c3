"""How a challenge is answered: the public API of a solver, and the registry of solvers by name.

A solver is one async call. docs/solvers.md says how to add one.
"""

from logicnet.deadline import Deadline
from logicnet.llm import Completion, Message, Models, Retrying
from logicnet.protocol import Answer, Challenge
from logicnet.solver._registry import build, load_solver, on_shift, solver_names
from logicnet.solver._types import Setup, Solver, asks_models, free
from logicnet.votelog import SamplerVote, VoteLog

__all__ = ["Answer", "Challenge", "Completion", "Deadline", "Message", "Models", "Retrying", "SamplerVote"]
__all__ += ["Setup", "Solver", "VoteLog", "asks_models", "build", "free", "load_solver", "on_shift"]
__all__ += ["solver_names"]
