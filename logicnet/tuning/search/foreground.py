"""`logicnet tune search`, in this terminal."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from logicnet._util.leaving import leave_within
from logicnet.evals.report import page
from logicnet.settings import Settings
from logicnet.tuning.search import report
from logicnet.tuning.search.options import SearchOptions
from logicnet.tuning.search.run import search
from logicnet.tuning.search.space import load_space
from logicnet.tuning.spec import TrainSpec

_LEAVE_S = 150.0  # for trainers to save, and a download that nothing interrupts


def run(options: SearchOptions, spec: TrainSpec, settings: Settings) -> int:
    """Search, print the table; the exit status: 0 once it is complete. Raises LogicnetError."""
    console = Console()
    stop = threading.Event()
    with _stopping(stop) as stopped_by:
        result = search(
            spec,
            settings,
            load_space(options.space),
            trials=options.trials,
            rows=options.trial_rows,
            at_once=options.at_once,
            study=options.study,
            stop=stop,
            said=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
        )
    console.print(report.table(result))
    console.print(report.verdict(result), highlight=False)
    for path in report.write(result, spec):
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)
    if result.trials and not page.drawable():
        console.print("No picture: it needs pip install 'logicnet[bench]'.", highlight=False)
    if result.complete:
        if result.best is not None:
            console.print(f"Train with it: logicnet tune run {result.folder / 'best.toml'}", soft_wrap=True)
        return 0
    console.print("Stopped. The same command goes on.")
    return 130 if signal.SIGINT in stopped_by else 143


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[list[int]]:
    """SIGINT and SIGTERM set `stop`; the signals that came."""
    came: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        came.append(number)
        stop.set()
        leave_within(_LEAVE_S, 128 + number)

    former = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
