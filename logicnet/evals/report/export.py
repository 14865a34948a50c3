"""Every row of a run as CSV, and as the JSON lines that they are."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path

from logicnet._util.csv import cell
from logicnet.evals.runs.row import BadRun, Row


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """All fields, what is not known empty. Raises BadRun.

    A text that a spreadsheet would run as a formula gets an apostrophe in front (owasp.org, CSV
    injection): questions and answers come from strangers. JSONL is exact.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(field.name for field in fields(Row))
            for row in rows:
                writer.writerow(map(cell, astuple(row)))
    except OSError as error:
        raise BadRun(f"cannot write {path}: {error.strerror or error}") from None


def write_jsonl(rows: Iterable[Row], path: Path) -> None:
    """One JSON object a line, as `logicnet score` reads them. Raises BadRun."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(row.line() + "\n" for row in rows)
    except OSError as error:
        raise BadRun(f"cannot write {path}: {error.strerror or error}") from None
