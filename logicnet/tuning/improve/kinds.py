"""Which questions to practise: by kinds, more of those that are asked, not computed, and answered wrong."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from logicnet.answers import question_kind
from logicnet.evals.challenges.sets import shares

FLOOR = 0.05
"""Of its share, that a kind keeps although everything in it is computed or right: what is not asked is
not seen to be forgotten."""


@dataclass(frozen=True, slots=True)
class KindRecord:
    """What is known of one kind of the recipe."""

    share: float  # of the questions that are asked
    computed: float = 0.0  # share of its questions that the race computes without a model
    right: float = 0.0  # samples, or answers of the race, that were right
    seen: float = 0.0  # of so many

    @property
    def weight(self) -> float:
        """Of its questions, those that are neither computed nor, as far as was seen, answered right."""
        wrong = 1.0 - (self.right + 1.0) / (self.seen + 2.0)  # the rule of succession
        return self.share * max(FLOOR, (1.0 - self.computed) * wrong)


def allotted(records: Mapping[str, KindRecord], count: int) -> dict[str, int]:
    """So many questions of each kind, `count` in all. Pure."""
    names = [kind for kind, one in records.items() if one.weight > 0]
    if not names:
        return {}
    return dict(zip(names, shares(count, [records[kind].weight for kind in names]), strict=True))


def asked_shares(
    recipe: Mapping[str, float], drawn: Mapping[str, Sequence[str]], asked: Counter[str]
) -> dict[str, float]:
    """The recipe's kinds in the proportions in which validators ask. Pure.

    `recipe`: its kinds and their shares; `drawn`: some questions of each; `asked`: challenges by
    `question_kind`. Within one of those, which are coarse, the recipe's own proportions hold. Without a
    challenge of any kind that the recipe has, they hold throughout.
    """
    coarse = {kind: Counter(map(question_kind, questions)) for kind, questions in drawn.items() if questions}
    parts: dict[str, dict[str, float]] = {}
    for kind, counts in coarse.items():
        for name, count in counts.items():
            parts.setdefault(name, {})[kind] = recipe.get(kind, 0.0) * count / counts.total()
    known = {name: count for name, count in asked.items() if sum(parts.get(name, {}).values()) > 0}
    if not known:
        return dict(recipe)
    found = dict.fromkeys(recipe, 0.0)
    for name, count in known.items():
        whole = sum(parts[name].values())
        for kind, part in parts[name].items():
            found[kind] += count / sum(known.values()) * part / whole
    return found


def tallied(outcomes: Iterable[tuple[str, bool]]) -> dict[str, tuple[float, float]]:
    """Right, and all, by kind."""
    found: dict[str, tuple[float, float]] = {}
    for kind, right in outcomes:
        before, seen = found.get(kind, (0.0, 0.0))
        found[kind] = before + right, seen + 1
    return found
