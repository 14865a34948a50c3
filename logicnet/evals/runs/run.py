"""A run, read from its folder: its plan in `run.json`, and in `rows.jsonl` a row per question and target.

`logicnet score` reads the same names, so a run can be scored again with another judge.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from logicnet.errors import LogicnetError, SettingsError
from logicnet.protocol import LOGIC_TIMEOUT_S

LONGEST_TEXT = 100_000
"""Characters of an answer or a reasoning that are kept. All of it was scored; `note` says if it was cut."""

INTERRUPTED = "interrupted: the run ended while this was under way; it is not asked again"


class BadRun(LogicnetError):
    """The folder of a run cannot be read, written or continued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question to one target. None: not known, because never asked or undecided.

    A `reward` is known when correctness and similarity are; else it lies between `reward_low` and
    `reward_high`. All three are after volume, as a validator ranks them.
    """

    target: str  # a miner's label, or HOST:PORT if it has none; a solver's name in a bench
    hotkey: str = ""  # the miner's
    solver: str | None = None  # as far as it is known
    round: int = 1
    id: str  # of the challenge
    kind: str = ""
    source: str = ""
    wire: str = ""
    asked_at: float = 0.0  # unix seconds
    question: str  # as the target read it
    raw_question: str = ""  # before it was rephrased
    ground_truth: str

    answer: str | None = None  # None: no reply that counts
    reasoning: str | None = None
    process_time: float | None = None  # seconds, on the validator's clock
    timeout: float = LOGIC_TIMEOUT_S
    status: int = 0  # HTTP; 0 if nothing came
    error: str = ""  # what went wrong, in one line
    outcome: str = ""  # how the answer came about (`logicnet.events.Outcome`), where that can be seen
    tokens: int | None = None  # that models generated for it, where that can be seen

    scored: bool = False
    correctness: float | None = None  # the validator's, -1..1
    decided_by: str = ""
    true: bool | None = None  # whether it is truly right
    reference: str | None = None  # the text that the reasoning was compared with
    similarity: float | None = None
    epoch_volume: int | None = None  # what the target committed
    reward: float | None = None
    reward_low: float | None = None
    reward_high: float | None = None
    note: str = ""  # anything unusual about the scoring
    trail: dict[str, Any] | None = None  # `logicnet.votelog`: how the answer came about, if that is seen

    def line(self) -> str:
        """The row as a line of JSON, without its end."""
        return json.dumps({name: getattr(self, name) for name in _NAMES}, allow_nan=False)

    @property
    def key(self) -> tuple[str, str]:
        """Target and challenge: a run asks each pair once."""
        return self.target, self.id


_NAMES = tuple(field.name for field in fields(Row))


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a run, without a last line that was cut off. Raises BadRun for another broken one."""
    for number, fields_ in read_lines(path):
        try:
            yield Row(**{name: value for name, value in fields_.items() if name in _NAMES})
        except TypeError as error:
            raise BadRun(f"{path}, line {number}: not a row of a run ({error})") from None


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file that may have been cut off in its last line, with their line numbers."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    content = json.loads(line)
                except ValueError:
                    content = None
                if not isinstance(content, dict):
                    raise BadRun(f"{path}, line {number}: not a JSON object; correct or remove it")
                yield number, content
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadRun(f"cannot read {path}: {error.strerror or error}") from None


def stored(text: str) -> str:
    """`text` as a row keeps it: encodable, and no longer than `LONGEST_TEXT`."""
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode()


PLAN, ROWS = "run.json", "rows.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """`plan` is the content of `run.json`; `rows` are in the order of the file."""

    path: Path
    plan: Mapping[str, Any]
    rows: Sequence[Row]
    label: str = ""

    @property
    def targets(self) -> list[str]:
        """In the order in which they first occur in the plan, else in the rows."""
        kinds = ("solvers", "label", "target", "targets")
        planned = [_name(one) for kind in kinds for one in self.plan.get(kind) or ()]
        seen = dict.fromkeys(row.target for row in self.rows)
        return list(dict.fromkeys(name for name in (*planned, *seen) if name in seen))

    @property
    def name(self) -> str:
        return self.label or self.path.resolve().name


def read_run(path: Path, flag: str = "RUN") -> Run:
    """The run in the folder `path`, finished or not. Raises SettingsError or BadRun, in one line.

    `flag` is what named the folder.
    """
    plan = read_json(path / PLAN, flag)
    rows = list(read_rows(path / ROWS))
    if not rows:
        raise BadRun(f"the run in {path} has no rows yet")
    return Run(path, plan, rows)


def joined(runs: Sequence[Run]) -> Run:
    """Several runs as one, to be compared: each target is named after its run, and where the plans differ,
    they say which is whose. A challenge has the same id in every run.

    Raises SettingsError if a run is there twice, or asked nothing that the first one asked.
    """
    places = [run.path.resolve() for run in runs]
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in runs]
    asked = {row.id for row in runs[0].rows}
    for name, run in zip(names[1:], runs[1:], strict=True):
        if places.count(run.path.resolve()) > 1:
            raise SettingsError(f"RUN: {name} is named twice; name runs that differ")
        if asked.isdisjoint(row.id for row in run.rows):
            raise SettingsError(
                f"RUN: {names[0]} and {name} have no question in common; give both the same --challenges "
                "and --seed"
            )
    plan: dict[str, Any] = {}
    for key in dict.fromkeys(key for run in runs for key in run.plan):
        said = [run.plan.get(key) for run in runs]
        told = [
            f"{name}: {'not said' if one is None else one}" for name, one in zip(names, said, strict=True)
        ]
        plan[key] = said[0] if all(one == said[0] for one in said) else "; ".join(told)
    rows = [
        replace(row, target=f"{name}/{row.target}")
        for name, run in zip(names, runs, strict=True)
        for row in run.rows
    ]
    return Run(runs[0].path, plan, rows, " and ".join(names))


def read_json(file: Path, flag: str) -> dict[str, Any]:
    """The content of a `run.json`. Raises SettingsError without such a file, BadRun if it is broken."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            f"{flag}: there is no run in {file.parent}: it has no {file.name}; name the --out of an arena or "
            "a bench"
        ) from None
    except OSError as error:
        raise BadRun(f"cannot read {file}: {error.strerror or error}") from None
    except ValueError:
        raise BadRun(f"{file}: not JSON") from None
    if not isinstance(found, dict):
        raise BadRun(f"{file}: not a JSON object")
    return found


def solver_name(given: str) -> str:
    """What tables call a solver that was given as `NAME`, `path/to/file.py` or `path/to/file.py:Class`."""
    path, _, wanted = given.partition(".py:")
    return wanted or (Path(path).stem if path.endswith(".py") else given)


def _name(target: object) -> str:
    if isinstance(target, dict):
        return str(target.get("label") or target.get("name") or target.get("address") or "")
    return solver_name(str(target))
