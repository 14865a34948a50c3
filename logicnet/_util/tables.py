"""A plain table for a terminal: no lines, a bold head."""

from collections.abc import Iterable

from rich.table import Column, Table
from rich.text import Text


def plain_table(names: Iterable[str], rows: Iterable[Iterable[str | Text]]) -> Table:
    """`rows` below `names`. A `str` is shown as it is: a stranger's markup is not obeyed."""
    columns = (Column(name, overflow="fold") for name in names)
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(one) if isinstance(one, str) else one for one in row))
    return table
