"""The worker's function: the answer to a closed question. Importing it loads sympy."""

import re
from dataclasses import asdict

from logicnet.maths.expression import Unreadable
from logicnet.solver.race.exact.formulas import equation, expression
from logicnet.solver.race.exact.operations import operation
from logicnet.solver.race.exact.question import QuestionReading, readings
from logicnet.solver.race.exact.sampler import ExactSolution


def solve(question: str) -> dict[str, str] | None:
    """The fields of an ExactSolution; None if the question is not surely a closed one."""
    for reading in readings(question):
        try:
            solution = _solution(reading)
        except Unreadable:
            continue
        if solution is not None:
            return asdict(solution)
    return None


def _solution(reading: QuestionReading) -> ExactSolution | None:
    verb, text, wanted = reading.verb, reading.object, reading.format
    if text.endswith("!") and not re.fullmatch(r"\d+!", text):
        return None  # a factorial, or the end of an exclamation
    if named := operation(verb, text, wanted):
        return named
    if verb in ("what", "find", "solve", "") and (solved := equation(text, wanted, verb)):
        return solved
    if verb in ("what", "find", "simplify", "solve", ""):
        return expression(text, wanted, simplified=verb == "simplify")
    return None
