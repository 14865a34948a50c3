"""ConstantSolver: the same reply to every question, to measure everything else without a model."""

from logicnet.deadline import Deadline
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge

_ANSWER = Answer(reasoning="This miner answers without a model, to be measured.", answer="I do not know")


class ConstantSolver:
    """The same answer at once, without a model; for trying the network."""

    asks_models = False

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return _ANSWER
