"""`logicnet report RUN`: tables to the terminal, and report.html, rows.csv, rows.jsonl to a folder."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import TextIO

from rich.console import Console

from logicnet._util.csv import cell
from logicnet.errors import SettingsError
from logicnet.evals.report import page, terminal
from logicnet.evals.runs.run import PLAN, ROWS, BadRun, Row, joined, read_run

HTML, CSV = "report.html", "rows.csv"


def run(
    path: Path, out: Path | None = None, console: Console | None = None, others: Sequence[Path] = ()
) -> None:
    """Report on the run in `path`, compared with `others`; files go to `out`, or beside it.

    Raises LogicnetError in one line.
    """
    page.require()
    if others and out is None:
        raise SettingsError(f"--out: several runs need a folder for their report; {path} keeps its own")
    if out is not None and out.resolve() != path.resolve() and (out / PLAN).exists():
        raise SettingsError(f"--out: {out} holds a run, whose rows would be lost; name another folder")
    if others and out is not None and out.resolve() == path.resolve():
        raise SettingsError(f"--out: {out} is one of the runs; name another folder")
    found = read_run(path)
    if others:
        found = joined([found, *map(read_run, others)])
    folder = out or path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot write to {folder}: {error.strerror or error}") from None
    console = console or terminal.console()
    terminal.print_run(console, found)
    write_csv(found.rows, folder / CSV)
    if folder.resolve() != path.resolve():
        write_jsonl(found.rows, folder / ROWS)
    with _opened(folder / HTML) as file:
        file.write(page.page(found))
    console.print(
        f"\nPictures and the worst answers: {folder / HTML}\nEvery row: {folder / CSV}, {folder / ROWS}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """All fields, what is not known empty. Raises BadRun.

    A text that a spreadsheet would run as a formula gets an apostrophe (owasp.org, CSV injection).
    """
    with _opened(path) as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Row))
        for row in rows:
            writer.writerow(map(cell, astuple(row)))


def write_jsonl(rows: Iterable[Row], path: Path) -> None:
    """One JSON object a line, as `logicnet score` reads them. Raises BadRun."""
    with _opened(path) as file:
        file.writelines(row.line() + "\n" for row in rows)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise BadRun(f"cannot write {path}: {error.strerror or error}") from None
