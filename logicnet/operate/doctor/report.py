"""The report: findings on a terminal, as JSON, and as an exit status. Secrets are masked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from logicnet import __version__
from logicnet.operate.doctor.checks.wallet import is_secret
from logicnet.operate.doctor.finding import Finding, Severity, worst
from logicnet.settings import MASK

Found = Mapping[str, Sequence[Finding]]

STATUS = {Severity.OK: 0, Severity.NOTE: 0, Severity.WARNING: 3, Severity.ERROR: 4}
"""Exit status. 1 and 2 are those of every command: it failed, its arguments are wrong."""

_SHORTEST_SECRET = 6  # characters; shorter ones, such as the placeholder "EMPTY", would mask common words
_STYLES = {Severity.OK: "green", Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "red"}


def status(found: Found) -> int:
    return STATUS[worst(finding for findings in found.values() for finding in findings)]


def secrets_in(variables: Mapping[str, str]) -> list[str]:
    """The values of variables with the name of a secret."""
    return [value for name, value in variables.items() if value and is_secret(name)]


def masked(found: Found, secrets: Collection[str], home: Path) -> Found:
    """`found` without `secrets`, and with `~` for `home`."""
    hidden = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text.replace(f"{home}/", "~/") if home != Path("/") else text

    return {
        name: [
            replace(one, what=clean(one.what), why=clean(one.why), mend=clean(one.mend)) for one in findings
        ]
        for name, findings in found.items()
    }


def as_json(found: Found) -> str:
    """One object: `worst`, `status`, and the `findings` in order, each with its check."""
    rows = [
        {"check": name, **asdict(one), "severity": str(one.severity)}
        for name, findings in found.items()
        for one in findings
    ]
    severity = worst(one for findings in found.values() for one in findings)
    head = {"logicnet": __version__, "worst": str(severity), "status": STATUS[severity]}
    return json.dumps({**head, "findings": rows}, indent=2, ensure_ascii=False)


def show(out: Console, found: Found) -> None:
    """A row for each finding, from 60 columns of width, and a line that counts them."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=7, no_wrap=True)
    table.add_column(width=12, no_wrap=True)
    table.add_column(overflow="fold")
    for name, findings in found.items():
        for one in findings:
            mark = Text(str(one.severity), style=_STYLES[one.severity])
            table.add_row(mark, Text(name), _text(one))
    out.print(table)
    out.print(Text(summary(found), style="bold"))


def _text(one: Finding) -> Group:
    parts: list[Text | Padding] = [Text(one.what)]
    for word, text in (("why: ", one.why), ("mend: ", one.mend)):
        if text:
            parts.append(Padding(Text.assemble((word, "bold"), text), (0, 0, 0, 2)))
    return Group(*parts)


def summary(found: Found) -> str:
    every = [one for findings in found.values() for one in findings]
    counts = Counter(one.severity for one in every)
    words = [
        f"{counts[one]} {one}{'s' if counts[one] > 1 else ''}"
        for one in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
        if counts[one]
    ]
    missing = sum(not one.checked for one in every)
    end = f" {missing} could not be checked." if missing else ""
    return f"{', '.join(words) or 'Nothing to mend'}.{end}"
