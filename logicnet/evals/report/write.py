"""`logicnet report RUN`: tables to the terminal, and report.html, rows.csv, rows.jsonl to a folder."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from logicnet.errors import SettingsError
from logicnet.evals.report import estimate, page, terminal
from logicnet.evals.report.export import write_csv, write_jsonl
from logicnet.evals.runs.row import BadRun
from logicnet.evals.runs.run import ROWS, read_run

HTML, CSV = "report.html", "rows.csv"


def run(path: Path, out: Path | None = None, console: Console | None = None) -> None:
    """Report on the run in `path`; files go to `out`, or beside it. Raises LogicnetError in one line."""
    require()
    found = read_run(path)
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
    try:
        (folder / HTML).write_text(page.page(found), encoding="utf-8")
    except OSError as error:
        raise BadRun(f"cannot write {folder / HTML}: {error.strerror or error}") from None
    console.print(
        f"\nPictures and the worst answers: {folder / HTML}\nEvery row: {folder / CSV}, {folder / ROWS}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def require() -> None:
    """Raise SettingsError unless all that a report needs is installed. Loads nothing."""
    page.require()
    estimate.require()
