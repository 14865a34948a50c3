"""The demo's ten questions: four that the solver computes, six that need the model."""

from __future__ import annotations

from logicnet.evals.challenges import Problem, easy_tasks

COMPUTED = 4
SEED = 35

_STORIES = {
    "A baker fills 6 trays with 12 rolls each and sells 58 of them. How many rolls are left?": "14",
    "Mia is 9 years old. Her brother is twice as old as she is. How old will he be in 4 years?": "22",
    "A bus leaves with 18 people. At the first stop 5 get off and 14 get on. How many are on it then?": "27",
    "Pens cost 3 euros and notebooks cost 5. Tom buys 4 pens and 5 notebooks. How many euros is that?": "37",
    "A tank holds 90 litres and loses 4 litres an hour. How many litres are in it after 6 hours?": "66",
    "Nine friends share 63 cards equally, and Ana loses 2 of hers. How many cards does Ana have?": "5",
}
"""Ours, with their answers; no sentence of them is one that the solver reads."""


def questions() -> list[Problem]:
    """Arithmetic first, then stories; the same ones each time.

    Raises SettingsError if mathgenerator is not installed.
    """
    stories = [Problem(text, truth, "demo", "story", "story") for text, truth in _STORIES.items()]
    return [*easy_tasks(COMPUTED, seed=SEED), *stories]
