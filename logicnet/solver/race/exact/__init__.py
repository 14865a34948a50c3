"""Closed questions, computed: formulas, named operations and simple equations, read strictly.

sampler      computes a question in a bounded worker process; the only module that the miner imports
question     the verb that asks, its object, and the answer's format; whatever else a question says refuses it
solve        the worker's function: the readings of a question, one after the other
expressions  formulas, in signs or in words
operations   percentages, divisors, sums, means, choices, bases
equations    equations in one unknown up to the second degree
solution     an answer and the steps to it, as sentences
"""

from logicnet.solver.race.exact.sampler import Exact
from logicnet.solver.race.exact.solution import Solution

__all__ = ["Exact", "Solution"]
