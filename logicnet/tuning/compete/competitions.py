"""Competitions: what each asks of a submission, how that is written on the chain, and who wins.

A competition is a small class and its data. Packages bring more by the entry point `logicnet.competitions`: a
callable without arguments that returns competitions.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from logicnet._util.text import one_line
from logicnet.errors import SettingsError
from logicnet.evals.report.estimate import Estimate
from logicnet.protocol import Hotkey, Uid

GROUP = "logicnet.competitions"

Scores = Mapping[str, Mapping[str, float]]
"""By environment, then by sample: both sides have the same samples."""


class RuleState(StrEnum):
    MET = "met"
    BROKEN = "broken"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, checked. `found` is the value met; `mend` what mends it, empty if it is met."""

    name: str
    state: RuleState
    found: str
    wanted: str
    mend: str = ""

    @property
    def met(self) -> bool:
        return self.state is RuleState.MET


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a model, in a folder or in a repository, without loading it.

    `base` is the model that it was tuned from, if that is known. `rivals`: the sha256 of each weight file
    that others committed, with their repository; None if they were not read.
    """

    name: str
    files: Mapping[str, int]  # bytes by path
    weights: Mapping[str, str]  # sha256 of each safetensors file by its path
    parameters: float
    config: Mapping[str, Any]
    templates: Mapping[str, str]  # chat templates by where they were found
    revision: str | None = None  # None: it was not uploaded yet
    public: bool | None = None
    base: "Candidate | None" = None
    rivals: Mapping[str, str] | None = None

    @property
    def repo_bytes(self) -> int:
        return sum(self.files.values())

    @property
    def architectures(self) -> tuple[str, ...]:
        found = self.config.get("architectures")
        return tuple(map(str, found)) if isinstance(found, list) else ()


@dataclass(frozen=True, slots=True)
class Submission:
    """A model as it is committed: MAKER/NAME at a commit. `hash` is empty where none is committed."""

    repo: str
    revision: str
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission that is on the chain."""

    submission: Submission
    hotkey: Hotkey
    uid: Uid | None  # None: the hotkey is no longer registered
    block: int
    count: int = 1  # commitments of this hotkey


@dataclass(frozen=True, slots=True)
class EnvironmentResult:
    """Champion against challenger in one environment, on the same samples.

    `difference`: what the challenger has more, with its paired 95 % interval. `needed`: what it must have
    more. `win_rate`: share of the samples that the challenger wins.
    """

    name: str
    champion: float
    challenger: float
    difference: Estimate
    needed: float
    win_rate: float
    won: bool


@dataclass(frozen=True, slots=True)
class MatchResult:
    won: bool  # by the challenger
    environments: tuple[EnvironmentResult, ...]
    why: str


class Competition(Protocol):
    """What one competition asks."""

    @property
    def id(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def netuid(self) -> int:
        """The subnet that it is held on, if the settings name none."""
        ...

    @property
    def once(self) -> bool:
        """Whether a hotkey may commit once for ever."""
        ...

    @property
    def floor_s(self) -> float:
        """Seconds between two commitments of a hotkey."""
        ...

    @property
    def reveal_blocks(self) -> int | None:
        """Blocks for which a commitment stays sealed; None: it is committed in the clear."""
        ...

    @property
    def base(self) -> str | None:
        """The model of the hub that every submission is tuned from; None: any."""
        ...

    def rules(self, candidate: Candidate, repo: str, hotkey: str) -> Sequence[Rule]:
        """Every rule for committing `candidate` as the repository `repo` (MAKER/NAME)."""
        ...

    def write(self, submission: Submission) -> str:
        """As it is committed. Raises TuningError that names what cannot be."""
        ...

    def read(self, text: str) -> Submission:
        """Of a committed text. Raises TuningError if it belongs to another competition."""
        ...

    def compare(self, champion: Scores, challenger: Scores) -> MatchResult:
        """Who wins. Raises TuningError if the samples differ."""
        ...


def competitions() -> Mapping[str, Competition]:
    """Those of every installed package, by their id. Raises SettingsError in one line."""
    found: dict[str, Competition] = {}
    for entry in entry_points(group=GROUP):
        for one in _of(entry):
            other = found.setdefault(one.id, one)
            if other != one:
                raise SettingsError(f"two competitions are named {one.id!r}: uninstall one of their packages")
    return found


def competition(name: str) -> Competition:
    """Raises SettingsError if no competition has that name."""
    found = competitions()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise SettingsError(
            f"--competition {one_line(name, 80)!r}: there is no such competition{hint} "
            f"Known: {', '.join(sorted(found))}"
        )
    return found[name]


def _of(entry: EntryPoint) -> Iterable[Competition]:
    try:
        return list(entry.load()())
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        said = one_line(f"{type(error).__name__}: {error}", 300)
        raise SettingsError(f"the competitions of {entry.value} cannot be loaded: {said}") from error
