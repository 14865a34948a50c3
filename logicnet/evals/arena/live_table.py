"""A run as it goes on: a live table on a terminal, a line now and then in a pipe."""

import time
from collections.abc import Mapping
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from logicnet.deadline import Clock
from logicnet.evals.arena.information import InformationReply
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.standings import RoundRank, Standings, TargetTally
from logicnet.evals.report.terminal import number
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.run import Row
from logicnet.scoring.incentive import LAST_PAID_RANK, LEAST_MEAN, UNPAID_RANK, WEIGHT_LOOPS, rank_incentive
from logicnet.scoring.reward import Range

_EVERY_S = 10.0  # between lines about progress in a pipe
_CURVE_RANKS = (1, 20, 50, 160)


class LiveTable:
    """A `Watcher`. Use as a context manager around the run."""

    def __init__(self, run: RunFolder[ArenaPlan], console: Console, *, clock: Clock = time.monotonic) -> None:
        self._plan = run.plan
        self._console = console
        self._clock = clock
        names = [target.name for target in run.plan.targets]
        self._tallies, self._standings = {name: TargetTally() for name in names}, Standings(names)
        for row in run.rows():
            self._count(row)
        self._round = max(run.rounds, default=0)
        self._left = 0
        self._doing = "asking for Information"
        self._said_at_s = clock()
        self._live: Live | None = None
        if console.is_terminal:
            # Drawn in a thread of its own: a table takes milliseconds while miners are timed. Removed at the
            # end, when the last tables are printed.
            self._live = Live(
                console=console, get_renderable=self._page, refresh_per_second=2, transient=True
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    def round_began(self, number: int, information: Mapping[str, InformationReply], questions: int) -> None:
        self._round, self._left = number, questions
        self._doing = "asking"
        for name, one in information.items():
            says = one.why or f"takes {one.epoch_volume}, {one.quota} of them from this validator"
            self.say(f"Round {number} of {self._plan.rounds}: {name} {says.rstrip('.')}.")

    def row(self, row: Row) -> None:
        self._count(row)
        self._left = max(0, self._left - 1)
        now_s = self._clock()
        if self._live is None and now_s - self._said_at_s >= _EVERY_S:
            self._said_at_s = now_s
            self.say(f"    {self._progress()}")

    def _count(self, row: Row) -> None:
        self._tallies[row.target].add(row)
        self._standings.add(row)

    def waiting(self, seconds: float) -> None:
        self._doing = (
            f"the loop lasts until {time.strftime('%H:%M:%S', time.localtime(time.time() + seconds))}"
        )
        if self._live is None:
            self.say(f"    waiting {seconds:.0f} s for the end of the loop")

    def stopping(self) -> None:
        self._doing = "stopping after the questions in flight; Ctrl-C again gives them up"
        self.say(self._doing[0].upper() + self._doing[1:] + ".")

    def round_ended(self, number: int) -> None:
        if self._live is None:
            self._console.print(self.tables())

    def tables(self) -> Group:
        """Questions and scores of every miner; then its income after the last round."""
        return Group(self._answers(), self._income())

    def _answers(self) -> Table:
        title = f"Round {self._round} of {self._plan.rounds}" if self._round else "Before the first round"
        headings = ("asked", "answered", "scored", "correct", "true", "similar", "p50 s", "p95 s", "max s")
        table = self._table(title, *headings)
        for name, tally in self._tallies.items():
            table.add_row(
                escape(name),
                *(str(count) for count in (tally.asked, tally.answered, tally.scored)),
                *(number(tally.mean(name), 3) for name in ("correctness", "true", "similarity")),
                *(number(tally.second(share), 2) for share in (0.5, 0.95, 1.0)),
            )
        return table

    def _income(self) -> Table:
        table = self._table("", "reward", "rank", "incentive", "weight")
        places = {place.target: place for place in self._standings.of(self._round)}
        weights = self._standings.weights()
        for name, tally in self._tallies.items():
            low, high = tally.mean("reward_low"), tally.mean("reward_high")
            reward = _range(Range(low, high)) if low is not None and high is not None else "-"
            table.add_row(escape(name), reward, *_place(places.get(name)), _range(weights[name]))
        return table

    def _table(self, title: str, *headings: str) -> Table:
        table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("miner", no_wrap=self._live is None, overflow="fold")
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        return table

    def last_words(self) -> list[str]:
        """Notes to the table, once the run is over."""
        lines = []
        for name, tally in self._tallies.items():
            if tally.last_error:
                missing = tally.asked - tally.answered
                silent = f"{missing} of {tally.asked} without a reply; last: " if missing else ""
                lines.append(f"{name}: {silent}{tally.last_error}")
        undecided = sum(tally.undecided for tally in self._tallies.values())
        scored = sum(tally.scored for tally in self._tallies.values())
        if undecided:
            without = [
                words
                for words, missing in (
                    ("--judge-url (what arithmetic cannot decide)", self._plan.judge is None),
                    ("--reference-url (similarity)", self._plan.reference is None),
                )
                if missing
            ]
            lines.append(
                f"{undecided} of {scored} rewards are undecided, and every figure made of them is shown from "
                f"the worst to the best that it can be; missing: {' and '.join(without)}"
            )
        return lines

    def _page(self) -> RenderableType:
        return Group(self.tables(), escape(self._progress()))

    def _progress(self) -> str:
        return f"round {self._round} of {self._plan.rounds}: {self._doing}, {self._left} replies to come"


def curve() -> str:
    """The curve of the incentive, in a line."""
    points = ", ".join(f"{rank} earns {rank_incentive(rank):.3f}" for rank in _CURVE_RANKS)
    return (
        f"On the subnet rank {points}; a mean of {LEAST_MEAN:g} or less, or a rank past {LAST_PAID_RANK}, "
        f"earns {rank_incentive(UNPAID_RANK):.3f}. "
        f"The weight is the mean of {WEIGHT_LOOPS} rounds, as a share of all."
    )


def _place(place: RoundRank | None) -> tuple[str, str]:
    if place is None:
        return "-", "-"
    same = place.best_rank == place.worst_rank
    rank = str(place.best_rank) if same else f"{place.best_rank}-{place.worst_rank}"
    return rank, _range(place.incentive)


def _range(one: Range) -> str:
    low, high = f"{one.low:z.3f}", f"{one.high:z.3f}"  # z: -0.000 is 0.000
    return low if low == high else f"{low}..{high}"
