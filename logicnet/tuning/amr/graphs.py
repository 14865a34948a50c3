"""AMR graphs in PENMAN notation: reading, checking, and the form without variables.

A concept of several words is written with `_` between them in AMR, yet in Vietnamese corpora often with a
space, which PENMAN does not read. Such words are joined while reading, in gold graphs and in predictions.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from logicnet.errors import SettingsError, TuningError

_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_WORD = r'[^\s():/"~]+'
_AFTER_SLASH = re.compile(rf"(/\s*)({_WORD}(?:[ \t]+{_WORD})+)")
_AFTER_BRACKET = re.compile(rf"(\(\s*)({_WORD}(?:[ \t]+{_WORD})+)")

Triple = tuple[str, str, str]


class BadGraph(TuningError):
    """A text is no AMR graph."""


@dataclass(frozen=True)
class AmrGraph:
    """`tree` is penman's; `joined` concepts were written with a space."""

    tree: Any
    joined: int = 0

    @cached_property
    def triples(self) -> tuple[Triple, ...]:
        """Instances first met first, inverted roles turned round; the last one names the root."""
        graph = _penman().interpret(self.tree)
        return (*graph.triples, ("ROOT_OF_GRAPH", ":root", graph.top))

    @property
    def text(self) -> str:
        """On one line."""
        return str(_penman().format(self.tree, indent=None))

    @property
    def bare(self) -> str:
        """Without variables: `(want-01 :ARG0 (boy) :ARG1 (go-02 :ARG0 (boy)))`. It keeps no coreference."""
        concepts = {variable: _concept(branches) for variable, branches in _nodes(self.tree.node)}
        return _bare(self.tree.node, concepts)

    @property
    def concepts(self) -> tuple[str, ...]:
        """In the order in which they stand."""
        return tuple(_concept(branches) for _, branches in _nodes(self.tree.node))


def read_graph(text: str) -> AmrGraph:
    """Raises BadGraph: where penman stops, or which node has no concept or two. One line."""
    penman = _penman()
    joined_text, joined = _joined(text, _AFTER_SLASH)
    try:
        trees = list(penman.iterparse(joined_text))
        if len(trees) != 1:
            raise BadGraph(f"{'two graphs stand' if trees else 'no graph stands'} where one is expected")
        nodes = list(_nodes(trees[0].node))
        _check_end(joined_text)
        for variable, branches in nodes:
            if empty := next((role for role, target in branches if target is None and role != "/"), None):
                raise BadGraph(f"the role {empty} of {variable} leads to nothing")
            if not variable or not _concept(branches):
                raise BadGraph(
                    f"the node {variable or '()'} has no concept: write ({variable or 'x'} / concept)"
                )
        twice = [variable for variable, times in Counter(name for name, _ in nodes).items() if times > 1]
        if twice:
            raise BadGraph(f"the variable {twice[0]} names two nodes: give each its own")
        made = AmrGraph(trees[0], joined)
        _ = made.triples
    except BadGraph:
        raise
    except RecursionError:
        raise BadGraph("the graph is nested too deeply") from None
    except Exception as error:  # penman's DecodeError and LayoutError, and what strange text makes it raise
        line, column = getattr(error, "lineno", None), getattr(error, "offset", None)
        where = f" at line {line}, column {column}" if line else ""
        words = " ".join(str(getattr(error, "message", "") or error).split())
        raise BadGraph(f"not PENMAN{where}: {words:.200}") from None
    return made


def read_bare(text: str) -> AmrGraph:
    """A graph without variables, with a fresh one for each node. Raises BadGraph."""
    joined_text, joined = _joined(text, _AFTER_BRACKET)
    number = iter(range(1 << 30))
    parts = _QUOTED.split(joined_text)
    parts[::2] = [re.sub(r"\(\s*", lambda _: f"(x{next(number)} / ", part) for part in parts[::2]]
    return AmrGraph(read_graph("".join(parts)).tree, joined)


def _check_end(text: str) -> None:
    """penman reads no further than to the graph's last bracket. Raises BadGraph if more stands there."""
    depth, over = 0, False
    for part in _QUOTED.split(text):
        for sign in [part] if part.startswith('"') else part:
            if over and not sign.isspace():
                raise BadGraph(f"after its last bracket stands {sign!r:.20}: the brackets do not match")
            depth += (sign == "(") - (sign == ")")
            over = over or (sign == ")" and depth == 0)


def _joined(text: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    """The text with words of a concept joined by `_`, and how many concepts that were."""
    count = 0

    def join(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return found[1] + "_".join(found[2].split())

    parts = _QUOTED.split(text)
    parts[::2] = [pattern.sub(join, part) for part in parts[::2]]
    return "".join(parts), count


def _nodes(node: Any) -> Iterator[tuple[str, list[Any]]]:
    """Variables and branches, those above first."""
    variable, branches = node
    yield variable, branches
    for _, target in branches:
        if isinstance(target, tuple):
            yield from _nodes(target)


def _concept(branches: list[Any]) -> str:
    return next((target or "" for role, target in branches if role == "/"), "")


def _bare(node: Any, concepts: dict[str, str]) -> str:
    _, branches = node
    parts = [_concept(branches)]
    for role, target in branches:
        if role == "/":
            continue
        if isinstance(target, tuple):
            parts.append(f"{role} {_bare(target, concepts)}")
        else:
            parts.append(f"{role} ({concepts[target]})" if target in concepts else f"{role} {target}")
    return f"({' '.join(parts)})"


def _penman() -> Any:
    try:
        import penman  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise SettingsError(
            f"AMR graphs need penman, which does not import ({error}): pip install 'logicnet[amr]'"
        ) from None
    logging.getLogger("penman").setLevel(logging.ERROR)  # what it warns of is an error here
    return penman
