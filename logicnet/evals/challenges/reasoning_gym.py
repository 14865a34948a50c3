"""Questions of the package reasoning-gym: procedural sets of logic, arithmetic, algebra and puzzles."""

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any

from logicnet.errors import SettingsError
from logicnet.evals.challenges._gym_kinds import KINDS, GymTask
from logicnet.evals.challenges._gym_truths import TRUTHS
from logicnet.evals.challenges.checks import check_for
from logicnet.evals.challenges.problem import AnswerCheck, Problem, seeded

NAME = "reasoning-gym"


class ReasoningGym:
    """A `source.Generator`."""

    def __init__(self) -> None:
        """Raises SettingsError if the package is not installed."""
        try:
            self._factory = import_module("reasoning_gym.factory")  # brings sympy, matplotlib: a second
        except ModuleNotFoundError:
            raise SettingsError(
                "reasoning-gym is not installed: pip install 'logicnet[challenges]'"
            ) from None
        self.version = f"{NAME} {version(NAME)}"
        self._kinds = {name: (topic, kind) for topic, kinds in KINDS.items() for name, kind in kinds.items()}

    def draw(self, kind: str, seed: int, level: int = 0) -> Problem | None:
        """The problem of `seed`, at `level` or the dataset's hardest; None if that seed makes no problem."""
        topic, how = self._kinds[kind]
        level = min(level, how.most)
        with seeded(seed):
            dataset = self._dataset(kind, seed, level)
            entry = dataset[0]
        truth = TRUTHS[kind](dataset, entry) if kind in TRUTHS else str(entry["answer"]).strip()
        if truth in ("", '""'):
            return None
        check = _check(kind, how, truth, entry["metadata"])
        worked = str(entry["metadata"].get("answer_cot") or "")
        return Problem(entry["question"].strip(), truth, NAME, kind, topic, level, check, worked=worked)

    def _dataset(self, kind: str, seed: int, level: int) -> Any:
        dataset_class, configuration_class = self._factory.DATASETS[kind]
        if kind in self._factory.CURRICULA:
            curriculum = self._factory.create_curriculum(kind)
            curriculum.set_global_level(level)
            configuration = curriculum.generate_configuration({"seed": seed, "size": 1})
        else:
            configuration = configuration_class(seed=seed, size=1)
        if hasattr(configuration, "validate"):
            configuration.validate()
        return dataset_class(config=configuration)


def _check(kind: str, how: GymTask, truth: str, metadata: Mapping[str, Any]) -> AnswerCheck | None:
    if how.check == "mathematics":
        return None
    if not how.check:
        return check_for(truth)
    needed = {name: _json(metadata[name]) for name in how.needs}
    if how.check == "gym":
        return AnswerCheck("gym", {"dataset": kind, "metadata": needed})
    return AnswerCheck(
        how.check, {**how.arguments, **{_ARGUMENTS.get(name, name): needed[name] for name in needed}}
    )


_ARGUMENTS = {"target_base": "base", "numbers": "given"}


def _json(value: Any) -> Any:
    """As it comes back from a file: tuples as lists, numpy's words as words."""
    return json.loads(json.dumps(value))
