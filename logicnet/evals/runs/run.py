"""A finished or unfinished run of any kind, read from its folder: `run.json` and the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.errors import SettingsError
from logicnet.evals.runs.row import BadRun, Row, read_rows

PLAN, ROWS = "run.json", "rows.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """`plan` is the content of `run.json`; `rows` are in the order of the file."""

    path: Path
    plan: Mapping[str, Any]
    rows: Sequence[Row]

    @property
    def targets(self) -> list[str]:
        """In the order in which they first occur in the plan, else in the rows."""
        plan = self.plan
        planned = [
            _name(one) for name in ("solvers", "label", "target", "targets") for one in plan.get(name) or ()
        ]
        seen = {row.target for row in self.rows}
        known = [name for name in dict.fromkeys(planned) if name in seen]
        return [
            *known,
            *(name for name in dict.fromkeys(row.target for row in self.rows) if name not in known),
        ]

    @property
    def name(self) -> str:
        return self.path.resolve().name


def read_run(path: Path) -> Run:
    """The run in the folder `path`, finished or not. Raises SettingsError or BadRun, in one line."""
    plan = read_json(path / PLAN)
    rows = list(read_rows(path / ROWS))
    if not rows:
        raise BadRun(f"the run in {path} has no rows yet")
    return Run(path, plan, rows)


def read_json(file: Path) -> dict[str, Any]:
    """The content of a `run.json`. Raises SettingsError if there is none, BadRun if it is broken."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            f"there is no run in {file.parent}: it has no {file.name}; name the --out of an arena or a bench"
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
