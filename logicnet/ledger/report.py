"""The body of `logicnet ledger`: tables for people, JSONL and CSV for programs.

Apart from the room's `__init__`, so that a miner need not load what only a reader needs.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from logicnet.errors import LedgerError, SettingsError
from logicnet.ledger._reader import LedgerReader, Row, Table, Which
from logicnet.ledger.comparison import Side, compare, with_agreement


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SPAN_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

_LOST_AFTER_S = 30.0
"""A challenge without an end, so long after its deadline, was being solved when the miner died."""


def report(
    path: Path,
    *,
    tables: Sequence[Table] = (),
    since: str | None = None,
    validator: str = "",
    last: int = 20,
    target: Path | None = None,
    form: Format | None = None,
) -> None:
    """`logicnet ledger`: tables on standard output; with `target` or `form` an export instead.

    LedgerError if there is nothing to read or nowhere to write, SettingsError for a wrong option.
    """
    now_s = time.time()
    which = Which(since_s(since, now_s) if since is not None else 0.0, validator)
    exporting = target is not None or form is not None
    if exporting and len(tables) > 1:
        raise SettingsError("An export is of one table, not of several: name one, as --challenges.")
    with LedgerReader.open(path) as reader:
        if not exporting:
            show(reader, Console(), tables=tables, which=which, last=last, now_s=now_s)
            return
        table = tables[0] if tables else "challenges"
        try:
            count = export(reader, table, which, target=target, form=form)
        except BrokenPipeError:  # `| head` has seen enough; nor may Python flush into it at its end
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
            f'--since takes a span such as 90m, 24h or 7d, or a date such as 2025-11-21, not "{text}".'
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def show(
    reader: LedgerReader,
    console: Console,
    *,
    tables: Sequence[Table] = (),
    which: Which,
    last: int,
    now_s: float,
) -> None:
    """Print `tables`: the newest `last` rows each, refusals by reason, shadows and lanes summed up.

    If none is named, the first three, and the others if there is anything in them.
    """
    chosen = tables or ("epochs", "challenges", "refusals")
    page = _Page(console, now_s)
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
            page.partings([row for row in reversed(shadows) if row["agree"] is False][:last])
    if "lanes" in chosen or not tables:
        lanes = list(reader.rows("lanes"))
        if lanes or tables:
            page.lanes(lanes)


def export(
    reader: LedgerReader,
    table: Table,
    which: Which,
    *,
    target: Path | None = None,
    form: Format | None = None,
) -> int:
    """Write every row to `target`, or to standard output if that is None or `-`. Returns how many.

    `form` is jsonl unless given, or unless the target's name ends in `.csv`. JSONL is exact. In CSV
    a text that a spreadsheet would run as a formula gets an apostrophe in front: questions come
    from strangers.
    """
    if target is not None and str(target) == "-":
        target = None
    if form is None:
        form = Format.CSV if target is not None and target.suffix.lower() == ".csv" else Format.JSONL
    with _opened(target, reader.path) as file:
        rows: Iterable[Row] = reader.rows(table, which)
        if table == "shadows":
            rows = with_agreement(rows)
        return _write_csv(rows, file) if form is Format.CSV else _write_jsonl(rows, file)


@contextmanager
def _opened(target: Path | None, ledger: Path) -> Iterator[TextIO]:
    if target is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    target = target.expanduser()
    own = (ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm", ".lock"))
    if target.exists() and any(file.exists() and target.samefile(file) for file in own):
        raise LedgerError(f"--export {target} is the ledger itself; name another file.")
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise LedgerError(f"--export {target} cannot be written: {error.strerror}.") from None


def _write_jsonl(rows: Iterable[Row], file: TextIO) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def _write_csv(rows: Iterable[Row], file: TextIO) -> int:
    count = 0
    writer = csv.writer(file)
    for count, row in enumerate(rows, 1):
        if count == 1:
            writer.writerow(row)
        writer.writerow(map(_cell, row.values()))
    return count


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    """No formula for a spreadsheet (owasp.org, CSV injection); "-5" is a number and stays one."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


class _Page:
    """Tables on one console: narrow for a person's terminal; whole lines, whole names in a pipe."""

    def __init__(self, console: Console, now_s: float) -> None:
        self._console = console
        self._now_s = now_s
        self._whole = not console.is_terminal
        if self._whole:
            console.width = 10_000  # a pipe has no edge

    def epochs(self, rows: list[Row]) -> None:
        table = self._table("Epochs", "validator", "began (UTC)")
        for name in ("promised", "given", "refused", "in time"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            numbers = (row[name] for name in ("promised", "given", "refused", "answered_in_time"))
            table.add_row(self._hotkey(row["validator"]), _time(row["started_at_s"]), *map(str, numbers))
        self._print(table, "No validator has asked yet.")

    def challenges(self, rows: list[Row]) -> None:
        table = self._table("Challenges", "admitted (UTC)", "validator", "outcome")
        table.add_column("seconds", justify="right", no_wrap=True)
        self._add_text(table, "question", share=2)
        self._add_text(table, "answer")
        for row in rows:
            table.add_row(
                _time(row["admitted_at_s"]),
                self._hotkey(row["validator"]),
                row["outcome"] or self._unfinished(row),
                "" if row["seconds"] is None else f"{row['seconds']:.2f}",
                _one_line(row["question"]),
                _one_line(row["answer"] or ""),
            )
        self._print(table, "No challenge was admitted yet.")

    def refusals(self, rows: list[Row]) -> None:
        table = self._table("Refusals", "reason")
        table.add_column("count", justify="right", no_wrap=True)
        table.add_column("last (UTC)", no_wrap=True)
        self._add_text(table, "last message")
        for row in rows:
            table.add_row(
                row["reason"], str(row["count"]), _time(row["last_minute_s"]), _one_line(row["message"])
            )
        self._print(table, "Nobody was refused yet.")

    def shadows(self, rows: list[Row]) -> None:
        table = self._table("Shadows, of the same challenges", "solver")
        for name in ("answers", "agree", "median s", "late", "failed", "displaced"):
            table.add_column(name, justify="right", no_wrap=True)
        for pair in compare(rows):
            table.add_row(*_side(pair.real, "sent", ""), "")
            agree = _percent(pair.agreement)
            table.add_row(*_side(pair.shadow, "shadow", agree), str(pair.displaced))
        self._print(table, "None was tried yet; see --miner.shadow.")

    def partings(self, rows: list[Row]) -> None:
        table = self._table("Where they part", "began (UTC)")
        self._add_text(table, "question", share=2)
        self._add_text(table, "sent")
        self._add_text(table, "shadow")
        for row in rows:
            texts = (_one_line(row[name]) for name in ("question", "answer", "shadow_answer"))
            table.add_row(_time(row["shadow_ended_at_s"] - row["shadow_seconds"]), *texts)
        self._print(table, "nowhere.")

    def lanes(self, rows: list[Row]) -> None:
        table = self._table("What lanes have earned", "solver", "model", "kind", "lane")
        for name in ("right", "wrong", "share", "runs"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            right, wrong = row["right"], row["wrong"]
            table.add_row(
                *(row["solver"], row["model"] or "any", row["kind"], row["lane"]),
                *(f"{right:g}", f"{wrong:g}", _percent(right / max(right + wrong, 1)), str(row["runs"])),
            )
        self._print(table, "Nothing was learned yet; `logicnet learn RUN` learns from a bench.")

    def _table(self, title: str, *columns: str) -> RichTable:
        table = RichTable(title=title, title_justify="left", box=None if self._whole else box.SIMPLE_HEAD)
        for name in columns:
            table.add_column(name, no_wrap=True)
        return table

    def _add_text(self, table: RichTable, name: str, share: int = 1) -> None:
        """A column of free text: in a terminal it shares what room the others leave."""
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=None if self._whole else share)
        table.expand = not self._whole

    def _print(self, table: RichTable, nothing: str) -> None:
        if not table.row_count:
            self._console.print(f"{table.title}: {nothing}", markup=False, highlight=False)
        else:
            self._console.print(table)
        self._console.print()

    def _hotkey(self, hotkey: str) -> str:
        return hotkey if self._whole else hotkey[:8]

    def _unfinished(self, row: Row) -> str:
        late_s = self._now_s - row["admitted_at_s"] - row["allowed_s"]
        return "lost" if late_s > _LOST_AFTER_S else "solving"


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _side(side: Side, role: str, agree: str) -> tuple[str, ...]:
    seconds = "" if side.median_s is None else f"{side.median_s:.2f}"
    shares = (_percent(side.share(outcome)) for outcome in ("late", "failed"))
    return (f"{side.solver} ({role})", str(len(side.seconds)), agree, seconds, *shares)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _one_line(text: str, most: int = 200) -> Text:
    """Strangers' text for a terminal: no markup, no control characters, one line."""
    plain = "".join(char if char.isprintable() else " " for char in text[: 2 * most])
    plain = " ".join(plain.split())
    return Text(plain if len(plain) <= most else plain[: most - 1] + "…")
