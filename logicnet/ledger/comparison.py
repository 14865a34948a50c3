"""Comparison of a shadow solver with the solver that answered, on the same challenges."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median

from logicnet.ledger._reader import Row

DISPLACED = "displaced"


@dataclass
class Side:
    """One of the two solvers, over the challenges that both finished."""

    solver: str
    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def median_s(self) -> float | None:
        return median(self.seconds) if self.seconds else None

    def share(self, outcome: str) -> float | None:
        return self.outcomes[outcome] / len(self.seconds) if self.seconds else None


@dataclass
class Comparison:
    """One solver and one shadow. `displaced` shadows did not finish and are not compared."""

    real: Side
    shadow: Side
    agreed: int = 0
    displaced: int = 0

    @property
    def compared(self) -> int:
        return len(self.real.seconds)

    @property
    def agreement(self) -> float | None:
        return self.agreed / self.compared if self.compared else None


def with_agreement(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of the table `shadows`, each with `agree`: None if one of the two has no answer."""
    for row in rows:
        ended = row["shadow_outcome"] != DISPLACED and row["answer"] is not None
        agree = agrees(row["answer"], row["shadow_answer"], row["question"]) if ended else None
        yield {**row, "agree": agree}


def compare(rows: Iterable[Row]) -> list[Comparison]:
    """One for each pair of solvers, from rows of `with_agreement`."""
    found: dict[tuple[str, str], Comparison] = {}
    for row in rows:
        solver, shadow = row["solver"] or "?", row["shadow"]
        pair = found.setdefault((solver, shadow), Comparison(Side(solver), Side(shadow)))
        if row["agree"] is None:
            pair.displaced += row["shadow_outcome"] == DISPLACED
            continue
        pair.agreed += row["agree"]
        for side, of in ((pair.real, ""), (pair.shadow, "shadow_")):
            side.seconds.append(row[of + "seconds"])
            side.outcomes[row[of + "outcome"]] += 1
    return list(found.values())


def agrees(answer: str, other: str, question: str) -> bool:
    """Whether two answers are equal in value (0.5 and 1/2) or in text."""
    if " ".join(answer.lower().split()) == " ".join(other.lower().split()):
        return True
    from logicnet.answers import normal_form  # noqa: PLC0415 (slow to import; most ledgers have no shadows)

    said = normal_form(answer, question)
    return said is not None and said == normal_form(other, question)
