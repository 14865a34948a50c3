"""`logicnet tune search`, in this terminal."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from logicnet._util.leaving import leave_within
from logicnet.evals.report import page
from logicnet.settings import Settings
from logicnet.tuning.search import report
from logicnet.tuning.search.options import SearchOptions
from logicnet.tuning.search.run import SearchResult, search
from logicnet.tuning.search.space import Space, load_space
from logicnet.tuning.spec import TrainSpec

_LEAVE_S = 150.0  # for trainers to save, and a download that nothing interrupts


def run(options: SearchOptions, spec: TrainSpec, settings: Settings) -> int:
    """The command; its exit status. Raises LogicnetError."""
    result, status = conduct(
        spec,
        settings,
        load_space(options.space),
        trials=options.trials,
        rows=options.trial_rows,
        at_once=options.at_once,
        study=options.study,
    )
    if status == 0:
        _say(f"Train with it: logicnet tune run {result.folder / report.BEST}")
    return status


def conduct(
    spec: TrainSpec,
    settings: Settings,
    space: Space,
    *,
    trials: int | None = None,
    rows: int | None = None,
    at_once: int | None = None,
    study: Path | None = None,
) -> tuple[SearchResult, int]:
    """`search` as a command does it: Ctrl-C stops it, and the table, the picture and best.toml are made.

    With the result, the exit status: 0 if `result.best` is the best of all trials, 1 if all failed, 130 or
    143 after a signal. Only in the main thread. Raises LogicnetError.
    """
    stop = threading.Event()
    with _stopping(stop) as stopped_by:
        result = search(
            spec,
            settings,
            space,
            trials=trials,
            rows=rows,
            at_once=at_once,
            study=study,
            stop=stop,
            said=_say,
        )
    Console().print(report.table(result))
    _say(report.verdict(result))
    for path in report.write(result, spec):
        _say(f"Written: {path}")
    if result.trials and not page.drawable():
        _say("No picture: pip install 'logicnet[bench]' draws it.")
    if result.complete:
        return result, 0 if result.best is not None else 1
    _say("Stopped. The same command goes on.")
    return result, 130 if signal.SIGINT in stopped_by else 143


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[list[int]]:
    """SIGINT and SIGTERM set `stop`; the signals that came."""
    came: list[int] = []
    timers: list[threading.Timer] = []

    def on_signal(number: int, _frame: object) -> None:
        came.append(number)
        stop.set()
        timers.append(leave_within(_LEAVE_S, 128 + number))

    former = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in former.items():
            signal.signal(number, handler)
