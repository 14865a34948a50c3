"""Which answer goes out: the elected one, or where nobody is sure, the number with the best expected score.

A validator pays part of a point for a number that is near the truth: 1 - |t - a| / |t| (LogicNet 1.6). So
where no answer is likely, a number in the middle of the others is worth more than the first of them.
"""

import math
import re
from collections.abc import Mapping, Sequence

from logicnet.solver.race.trust import Trust, Vote
from logicnet.solver.race.votes import posterior

SURE = 0.5  # an elected answer that is likelier than not is sent as it is
_LEAST_NUMBERS = 3  # votes with a number; fewer have no middle

_NUMBER = re.compile(r"\d+\.\d+|\d+")  # as a validator finds them
_EPSILON = 1e-8  # as a validator adds it: where the truth is 0, 0 scores 1 and any other number 0
_SPREAD = 1.0
"""Standard deviation of log(truth / vote) where no vote is right. On GSM8K 0.5 to 1.5 score alike."""
_POINTS = ((-1.5, 0.1), (-0.75, 0.24), (0.0, 0.32), (0.75, 0.24), (1.5, 0.1))  # of a normal density


def chosen(votes: Sequence[Vote], texts: Mapping[str, str], trust: Trust, kind: str) -> str:
    """The key of the answer to send; empty without an answer. `texts`: each answer's text, by key."""
    found = posterior(votes, trust, kind)
    numbers = {key: number for key in found.of if (number := _number(texts.get(key, ""))) is not None}
    voted = [numbers[vote.key] for vote in votes if vote.key in numbers]
    if found.chance > SURE or found.best not in numbers or len(voted) < _LEAST_NUMBERS:
        return found.best
    truths = [(numbers[key], found.of[key]) for key in numbers]
    share = found.none / len(voted)  # a wrong 0 says nothing of how large the truth is
    truths += [
        (number * math.exp(_SPREAD * place), share * weight)
        for number in voted
        if number
        for place, weight in _POINTS
    ]
    worth = {key: _expected(number, truths) for key, number in numbers.items()}
    # The elected answer if it is as good, then the likeliest.
    return max(worth, key=lambda key: (round(worth[key], 9), key == found.best, found.of[key]))


def _expected(answer: float, truths: Sequence[tuple[float, float]]) -> float:
    return sum(chance * max(0.0, 1.0 - abs(truth - answer) / (truth + _EPSILON)) for truth, chance in truths)


def _number(text: str) -> float | None:
    """The number that a validator would compare, None if it would find none or several."""
    found = _NUMBER.findall(text)
    return float(found[0]) if len(found) == 1 else None
