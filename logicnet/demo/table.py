"""What was asked, what came back, and the table that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.markup import escape
from rich.table import Table

from logicnet.arena.client import Reply
from logicnet.challenges import Problem
from logicnet.protocol import Wire

_LONGEST_SHOWN = 40  # characters of an answer; a good one is far shorter


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what became of it."""

    task: Problem
    validator: str
    wire: Wire
    reply: Reply

    @property
    def in_time(self) -> bool:
        """A validator would count it: a reply that is a success, with an answer in it."""
        return self.reply.success and bool(self.reply.answer.strip())

    @property
    def right(self) -> bool:
        return same_number(self.reply.answer, self.task.truth)


def same_number(answer: str, truth: str) -> bool:
    """Whether `answer` is `truth`, or ends in "= `truth`", give or take decoration. No judge is asked."""
    number = answer.rpartition("=")[2].replace(",", "").strip(" .$\\()[]*")
    try:
        return float(number) == float(truth)
    except ValueError:
        return False


def table_of(asked: Sequence[Asked]) -> Table:
    """Fits a terminal of 80 columns."""
    table = Table(
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        caption="ok: answered in time. right: the answer is the true number.",
        caption_justify="left",
    )
    for heading in ("validator", "wire"):
        table.add_column(heading, no_wrap=True)
    for heading in ("question", "answer"):  # these two share what is left
        table.add_column(heading, overflow="fold")
    table.add_column("truth", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for heading in ("ok", "right"):
        table.add_column(heading, no_wrap=True)
    for one in asked:
        table.add_row(
            one.validator,
            one.wire,
            escape(one.task.question),
            escape(_shortened(one.reply.answer) or f"({one.reply.message or 'nothing'})"),
            escape(one.task.truth),
            f"{one.reply.seconds:.1f}",
            "yes" if one.in_time else "NO",
            "yes" if one.right else "no",
        )
    return table


def _shortened(answer: str) -> str:
    line = " ".join(answer.split())
    return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 3] + "..."
