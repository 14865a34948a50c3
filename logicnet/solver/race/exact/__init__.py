"""Closed questions, computed: formulas, named operations and simple equations, read strictly.

sampler      asks the bounded worker for the solution; the only module that the miner's process imports
solve        the worker's function: the readings of a question, one after the other
compute      the worker's function for a formula that a model wrote
question     the verb that asks, its object, and the answer's format; any other word refuses the question
formulas     formulas and equations, and a value in the format that the question asks for
operations   percentages, divisors, sums, means, choices, bases
"""

from logicnet.solver.race.exact.sampler import Exact, ExactSolution

__all__ = ["Exact", "ExactSolution"]
