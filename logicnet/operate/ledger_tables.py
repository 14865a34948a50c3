"""The ledger as tables for people, and as JSONL and CSV for programs: `logicnet ledger`."""

import csv
import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, TextIO

from pydantic import Field
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from logicnet._util.csv import cell
from logicnet._util.flags import Flag, Flags
from logicnet._util.text import json_line, one_line
from logicnet.errors import LedgerError, SettingsError
from logicnet.ledger import LedgerReader, Row, Table, Which
from logicnet.ledger.comparison import Side, compare, with_agreement

Format = Literal["jsonl", "csv"]


class LedgerOptions(Flags):
    """`logicnet ledger`. Its `words` are settings."""

    words: tuple[str, ...] = ()
    epochs: bool = Field(False, description="Quotas of validators, per epoch.")
    challenges: bool = Field(False, description="Challenges and their outcome.")
    refusals: bool = Field(False, description="Refusals by reason.")
    shadows: bool = Field(False, description="How --miner.shadow compares.")
    samplers: Annotated[bool, Flag(former="--lanes")] = Field(
        False, description="Votes of samplers: right, wrong."
    )
    since: str | None = Field(None, description="90m, 24h, 7d or a date (UTC); default: all.")
    validator: str = Field("", description="Hotkey, or its first characters.")
    last: int = Field(20, ge=1, le=100_000, description="Rows shown of epochs and of challenges.")
    export: Path | None = Field(None, description="File for all rows of one table; -: stdout.")
    form: Annotated[Format | None, Flag(("--format",))] = Field(
        None, description="Of the export; default: jsonl."
    )
    as_json: Annotated[bool, Flag(("--json",))] = Field(
        False, description="Every row of one table, a JSON object a line."
    )
    path: Path | None = Field(None, description="Ledger file; default: that of the settings.")

    @property
    def tables(self) -> list[Table]:
        """The tables that are named."""
        named: dict[Table, bool] = {
            "epochs": self.epochs,
            "challenges": self.challenges,
            "refusals": self.refusals,
            "shadows": self.shadows,
            "lanes": self.samplers,
        }
        return [table for table, wanted in named.items() if wanted]


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SPAN_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_WIDE = 100  # Columns from which on every fact has a column of its own; 60 are enough to read all

_LOST_AFTER_S = 30.0
"""A challenge without an end this long after its deadline was in flight when the miner died."""


def report(path: Path, options: LedgerOptions) -> None:
    """Print tables of the ledger `path`, or export one.

    Raises LedgerError if the ledger cannot be read or the target not written, SettingsError for an option.
    """
    now_s, tables, form = time.time(), options.tables, options.form
    which = Which(since_s(options.since, now_s) if options.since is not None else 0.0, options.validator)
    if options.as_json and form == "csv":
        raise SettingsError("--json and --format csv contradict each other: give one of them.")
    if options.as_json:
        form = "jsonl"
    exporting = options.export is not None or form is not None
    if exporting and len(tables) > 1:
        raise SettingsError(f"An export has one table; {len(tables)} are named: give one, as --challenges.")
    with LedgerReader.open(path) as reader:
        if not exporting:
            show(reader, Console(), tables, which, last=options.last, now_s=now_s)
            return
        table = tables[0] if tables else "challenges"
        try:
            count = export(reader, table, which, options.export, form)
        except BrokenPipeError:  # `| head` has ended; Python must not flush into it at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
    # Not on standard output, where the rows may be.
    Console(stderr=True).print(f"{count} rows of {table} exported.", highlight=False)


def since_s(text: str, now_s: float) -> float:
    """Unix seconds for `--since`: a span before now ("90m", "24h", "7d"), or an ISO date or time (UTC)."""
    span = _SPAN.fullmatch(text.strip())
    if span:
        return now_s - float(span[1]) * _SPAN_S[span[2]]
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            f'--since takes a duration such as 90m, 24h or 7d, or a date such as 2025-11-21, not "{text}".'
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def show(
    reader: LedgerReader, console: Console, tables: Sequence[Table], which: Which, *, last: int, now_s: float
) -> None:
    """Print `tables`: the newest `last` rows each, refusals by reason, totals of shadows and samplers.

    Default: epochs, challenges and refusals, and the others if they have rows.
    """
    chosen = tables or ("epochs", "challenges", "refusals")
    page = _TablePage(console, now_s)
    if "epochs" in chosen:
        page.epochs(reader.newest("epochs", last, which))
    if "challenges" in chosen:
        page.challenges(reader.newest("challenges", last, which))
    if "refusals" in chosen:
        page.refusals(reader.refusals_by_reason(which))
    if "shadows" in chosen or not tables:
        shadows = list(with_agreement(reader.rows("shadows", which)))
        if shadows or tables:
            page.shadows(shadows)
        if shadows and tables:
            page.disagreements([row for row in reversed(shadows) if row["agree"] is False][:last])
    if "lanes" in chosen or not tables:
        samplers = list(reader.rows("lanes"))
        if samplers or tables:
            page.samplers(samplers)


def export(reader: LedgerReader, table: Table, which: Which, target: Path | None, form: Format | None) -> int:
    """Write every row to `target`, default: standard output, as is `-`. Returns their number.

    `form` defaults to jsonl, for a target `*.csv` to csv. JSONL is exact. In CSV a text that a spreadsheet
    would run as a formula gets an apostrophe in front: questions come from strangers.
    """
    if target is not None and str(target) == "-":
        target = None
    if form is None:
        form = "csv" if target is not None and target.suffix.lower() == ".csv" else "jsonl"
    with _opened(target, reader.path) as file:
        rows: Iterable[Row] = reader.rows(table, which)
        if table == "shadows":
            rows = with_agreement(rows)
        count, writer = 0, csv.writer(file)
        for count, row in enumerate(rows, 1):
            if form == "jsonl":
                file.write(json_line(row) + "\n")
                continue
            if count == 1:
                writer.writerow(row)
            writer.writerow(map(cell, row.values()))
        return count


@contextmanager
def _opened(target: Path | None, ledger: Path) -> Iterator[TextIO]:
    if target is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    target = target.expanduser()
    own = (ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm", ".lock"))
    if target.exists() and any(file.exists() and target.samefile(file) for file in own):
        raise LedgerError(f"--export {target} is the ledger itself: name another file.")
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise LedgerError(
            f"--export {target} cannot be written ({error.strerror}): name another file."
        ) from None


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, and the number of cells that are stacked in each of its columns."""

    shown: RichTable
    groups: Sequence[int]

    def add(self, *cells: str | Text) -> None:
        left = iter(cells)
        self.shown.add_row(*(_stacked(islice(left, count)) for count in self.groups))


class _TablePage:
    """Tables on one console: cut to the width of a terminal, complete in a pipe."""

    def __init__(self, console: Console, now_s: float) -> None:
        self._console = console
        self._now_s = now_s
        self._whole = not console.is_terminal
        if self._whole:
            console.width = 10_000  # a pipe has no width
        self._narrow = console.width < _WIDE

    def epochs(self, rows: list[Row]) -> None:
        numbers = ("quota", "given", "refused", "in time")
        table = self._table("Epochs", "validator", "began (UTC)", *numbers, numbers=numbers)
        for row in rows:
            counts = (row[name] for name in ("promised", "given", "refused", "answered_in_time"))
            table.add(self._hotkey(row["validator"]), self._time(row["started_at_s"]), *map(str, counts))
        self._print(table, "No validator has asked yet.")

    def challenges(self, rows: list[Row]) -> None:
        table = self._table(
            "Challenges",
            ("admitted (UTC)", "validator"),
            ("outcome", "seconds"),
            ("question", "answer"),
            numbers=["seconds"],
            texts={"question": 2, "answer": 1},
        )
        for row in rows:
            table.add(
                self._time(row["admitted_at_s"]),
                self._hotkey(row["validator"]),
                row["outcome"] or self._unfinished(row),
                "" if row["seconds"] is None else f"{row['seconds']:.2f}",
                _cell(row["question"]),
                _cell(row["answer"] or ""),
            )
        self._print(table, "No challenge was admitted yet.")

    def refusals(self, rows: list[Row]) -> None:
        table = self._table(
            "Refusals",
            *("reason", "count", ("last (UTC)", "last message")),
            numbers=["count"],
            texts={"last message": 1},
        )
        for row in rows:
            when, message = self._time(row["last_minute_s"]), _cell(row["message"])
            table.add(row["reason"], str(row["count"]), when, message)
        self._print(table, "No request was refused yet.")

    def shadows(self, rows: list[Row]) -> None:
        numbers = ("answers", "agree", "median s", "late", "failed", "displaced")
        table = self._table(
            "Shadow solvers, on the same challenges",
            ("solver", "role"),
            *numbers,
            numbers=numbers,
            texts={"solver": 1},
        )
        for pair in compare(rows):
            table.add(*_side(pair.real, "sent", ""), "")
            agree = _percent(pair.agreement)
            table.add(*_side(pair.shadow, "tried", agree), str(pair.displaced))
        self._print(table, "None has answered yet; see --miner.shadow.")

    def disagreements(self, rows: list[Row]) -> None:
        texts = {"question": 2, "sent": 1, "shadow": 1}
        table = self._table("Disagreements", "began (UTC)", tuple(texts), texts=texts)
        for row in rows:
            said = (_cell(row[name]) for name in ("question", "answer", "shadow_answer"))
            table.add(self._time(row["shadow_ended_at_s"] - row["shadow_seconds"]), *said)
        self._print(table, "none.")

    def samplers(self, rows: list[Row]) -> None:
        numbers = ("right", "wrong", "share", "runs")
        table = self._table(
            "Answers by sampler",
            *(("solver", "model"), ("kind", "sampler"), *numbers),
            numbers=numbers,
            texts={"model": 1},
        )
        for row in rows:
            right, wrong = row["right"], row["wrong"]
            table.add(
                *(row["solver"], row["model"] or "any", row["kind"], row["lane"]),
                *(f"{right:g}", f"{wrong:g}", _percent(right / max(right + wrong, 1)), str(row["runs"])),
            )
        self._print(table, "Nothing was learned yet; `logicnet learn RUN` learns from a bench.")

    def _table(
        self,
        title: str,
        *columns: str | tuple[str, ...],
        numbers: Collection[str] = (),
        texts: Mapping[str, int] | None = None,
    ) -> _Table:
        """A table of these columns; those in one tuple are stacked where the terminal is narrow.

        In a terminal the columns `texts` share the width that the others leave, by these weights.
        """
        groups = [(names,) if isinstance(names, str) else names for names in columns]
        if not self._narrow:
            groups = [(name,) for names in groups for name in names]
        shown = RichTable(title=title, title_justify="left", box=None if self._whole else box.SIMPLE_HEAD)
        if self._narrow:
            shown.padding = (0, 1, 0, 0)
        for names in groups:
            share = 0 if self._whole or texts is None else sum(texts.get(name, 0) for name in names)
            shown.add_column(
                _stacked(names),
                justify="right" if all(name in numbers for name in names) else "left",
                no_wrap=True,
                overflow="ellipsis",
                ratio=share or None,
            )
            shown.expand = shown.expand or bool(share)
        return _Table(shown, [len(names) for names in groups])

    def _print(self, table: _Table, nothing: str) -> None:
        if not table.shown.row_count:
            self._console.print(f"{table.shown.title}: {nothing}", markup=False, highlight=False)
        else:
            self._console.print(table.shown)
        self._console.print()

    def _hotkey(self, hotkey: str) -> str:
        return hotkey if self._whole else hotkey[:8]

    def _time(self, unix_s: float) -> str:
        form = "%m-%d %H:%M" if self._narrow else "%Y-%m-%d %H:%M:%S"
        return datetime.fromtimestamp(unix_s, UTC).strftime(form)

    def _unfinished(self, row: Row) -> str:
        late_s = self._now_s - row["admitted_at_s"] - row["allowed_s"]
        return "lost" if late_s > _LOST_AFTER_S else "solving"


def _stacked(cells: Iterable[str | Text]) -> Text:
    return Text("\n ").join(cell if isinstance(cell, Text) else Text(cell) for cell in cells)


def _side(side: Side, role: str, agree: str) -> tuple[str, ...]:
    seconds = "" if side.median_s is None else f"{side.median_s:.2f}"
    shares = (_percent(side.share(outcome)) for outcome in ("late", "failed"))
    return (side.solver, role, str(len(side.seconds)), agree, seconds, *shares)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _cell(text: str) -> Text:
    return Text(one_line(text, 200))
