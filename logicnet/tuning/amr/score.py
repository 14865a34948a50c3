"""SMATCH of graphs: the share of triples that two graphs share, under the best mapping of their variables.

smatchpp finds the best mapping by integer programming. It would also read graphs that are broken, and give
them a score (80 for one without its last bracket), so penman reads first, and what it refuses scores 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from logicnet.errors import SettingsError
from logicnet.tuning.amr.graphs import AmrGraph, Triple, read_graph


@dataclass(frozen=True)
class Smatch:
    """Triples that match, those of the prediction, those of the gold graph."""

    matched: float
    predicted: int
    gold: int

    @property
    def f1(self) -> float:
        """0 to 1."""
        return 2 * self.matched / (self.predicted + self.gold) if self.predicted + self.gold else 0.0


def smatch(predicted: AmrGraph | None, gold: AmrGraph) -> Smatch:
    """None: the prediction is no graph; nothing of it matches. Raises SettingsError without smatchpp."""
    if predicted is None:
        return Smatch(0.0, 0, len(gold.triples))
    match, _, _ = _smatchpp().process_pair(predicted, gold)
    matched, _, ours, theirs = match["main"]
    return Smatch(float(matched), int(ours), int(theirs))


def corpus_smatch(scores: Iterable[Smatch]) -> Smatch:
    """Of all sentences together: their triples are added (micro average)."""
    found = list(scores)
    return Smatch(
        sum(one.matched for one in found), sum(one.predicted for one in found), sum(one.gold for one in found)
    )


class _TripleReader:
    """Hands smatchpp the triples that penman read, inverted roles turned round as the first SMATCH does."""

    def string2graph(self, graph: AmrGraph) -> list[Triple]:
        return list(graph.triples)


@cache
def _smatchpp() -> Any:
    try:
        from smatchpp import Smatchpp, solvers  # noqa: PLC0415 (an extra, under the GPL)
    except ImportError as error:
        raise SettingsError(
            f"SMATCH needs smatchpp, which does not import ({error}): pip install 'logicnet[amr]'"
        ) from None
    return Smatchpp(graph_reader=_TripleReader(), alignmentsolver=solvers.get_solver("ilp"))


def require() -> None:
    """Raise SettingsError unless graphs can be scored: smatchpp loads its solver with the first pair."""
    graph = read_graph("(a / a)")
    try:
        smatch(graph, graph)
    except SettingsError:
        raise
    except Exception as error:  # whatever a solver's library raises that does not load
        raise SettingsError(
            f"SMATCH cannot be computed ({error}): pip install --force-reinstall 'logicnet[amr]'"
        ) from error
