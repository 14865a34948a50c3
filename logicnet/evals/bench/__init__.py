"""Solvers side by side: the same questions, the same models, each alone on the server while it is timed."""

from logicnet.evals.bench.asking import Attempt, Metered, ask, heats
from logicnet.evals.bench.contestants import Contestant, load_contestants
from logicnet.evals.bench.plan import BenchPlan

__all__ = ["Attempt", "BenchPlan", "Contestant", "Metered", "ask", "heats", "load_contestants"]
