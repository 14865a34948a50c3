"""Files of sentences with their graphs: blocks of `#::snt SENTENCE`, then the graph, then an empty line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from logicnet._util.flags import require_file
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.amr.graphs import AmrGraph, BadGraph, read_graph

_SENTENCE = re.compile(r"#\s*::snt\s+(.*\S)")


@dataclass(frozen=True)
class AmrSentence:
    text: str
    graph: AmrGraph


@dataclass(frozen=True)
class AmrCorpus:
    """`refused`: places and faults of blocks that were left out; `joined`: concepts written with a space."""

    sentences: tuple[AmrSentence, ...]
    refused: tuple[str, ...]

    @property
    def joined(self) -> int:
        return sum(one.graph.joined for one in self.sentences)


def read_corpus(paths: Iterable[Path], *, skip_bad: bool = False) -> AmrCorpus:
    """Raises SettingsError for a file that cannot be read, TuningError with file, line and fault."""
    found: list[AmrSentence] = []
    refused: list[str] = []
    for path in paths:
        require_file("--train-files", path)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"--train-files: {path} is not UTF-8 ({error.reason} at {error.start})"
            ) from None
        for number, sentence, graph in _blocks(lines):
            try:
                found.append(AmrSentence(sentence, read_graph(graph)))
            except BadGraph as error:
                refused.append(f"{path}, line {number}: {error}")
                if not skip_bad:
                    raise TuningError(f"{refused[0]}; mend it, or leave such out with --skip-bad") from None
    if not found:
        raise TuningError("--train-files: no sentence with a graph (`#::snt SENTENCE`, then the graph)")
    return AmrCorpus(tuple(found), tuple(refused))


def _blocks(lines: list[str]) -> Iterable[tuple[int, str, str]]:
    """Line, sentence and graph of each block; comments but the sentence's are left out."""
    number, sentence, graph = 0, None, list[str]()
    for place, line in enumerate([*lines, "#::snt ."], 1):
        if (match := _SENTENCE.match(line)) is not None:
            if sentence is not None:
                yield number, sentence, "\n".join(graph)
            number, sentence, graph = place, match[1], []
        elif sentence is not None and not line.lstrip().startswith("#"):
            graph.append(line)
