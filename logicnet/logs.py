"""Logs: loguru to stderr, plain text or one JSON object a line. No colours, no bodies, no secrets.

One event is one line, whatever a stranger put into it; only `--logging.trace` adds tracebacks. Other
libraries are heard from WARNING up and no lower: their debug lines carry bodies, headers and keys.
What a stranger can make us say is counted, so that a flood of it cannot fill a disk.
"""

from __future__ import annotations

import json
import logging as stdlib
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

from loguru import logger

from logicnet.deadline import Clock
from logicnet.events import (
    Admitted,
    Answered,
    Event,
    HungUp,
    NonceAccepted,
    Placed,
    Promised,
    Refused,
    Shadowed,
)
from logicnet.protocol import Hotkey
from logicnet.settings import MASK, LoggingSettings

if TYPE_CHECKING:
    from loguru import Message, Record

WINDOW_S = 60.0  # over which repetitions are counted
_SPOKEN_OUT = 20  # debug lines per window and reason, and lines per window of another library's logger

_CHALLENGES_SPOKEN_OUT = 600  # a minute; ten a second is more than all quotas of a subnet come to

_SHORTEST_SECRET = 6  # characters; "EMPTY" as a key for vLLM is none, and would garble every line
_LONGEST = 1000  # characters of a text; a foreign error may hold a whole page
_HOTKEY_SHOWN = 8  # characters; enough to tell validators apart


def set_up(settings: LoggingSettings, secrets: Collection[str] = ()) -> None:
    """Say what is asked for, in the form that is asked for, and never one of `secrets`.

    Everything that goes through the standard library's logging comes out here too.
    """
    level = "TRACE" if settings.trace else "DEBUG" if settings.debug else "INFO"
    logger.remove()
    logger.add(
        _Stderr(as_json=settings.json_lines, tracebacks=settings.trace, secrets=secrets),
        level=level,
        format=lambda record: "",  # the sink writes the line itself
        backtrace=False,
        diagnose=False,  # it would print the values of variables
    )
    stdlib.root.handlers = [_Foreign()]
    stdlib.root.setLevel(stdlib.WARNING)
    stdlib.captureWarnings(True)
    threading.excepthook = _thread_died


class _Stderr:
    """A loguru sink. `sys.stderr` is looked up at each line, as it may be replaced."""

    def __init__(self, *, as_json: bool, tracebacks: bool, secrets: Collection[str]) -> None:
        self._as_json = as_json
        self._tracebacks = tracebacks
        fit = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        # As they are, and as they look inside JSON and inside a representation.
        forms = {form for one in fit for form in (one, json.dumps(one)[1:-1], repr(one)[1:-1])}
        self._secrets = sorted(forms, key=len, reverse=True)  # longest first: one may hold another

    def __call__(self, message: Message) -> None:
        record = message.record
        line = self._json(record) if self._as_json else self._plain(record)
        with suppress(OSError, ValueError):  # nobody reads it any more
            sys.stderr.write(self._masked(line) + "\n")

    def _plain(self, record: Record) -> str:
        head = f"{record['time']:%Y-%m-%d %H:%M:%S}.{record['time'].microsecond // 1000:03}"
        lines = [f"{head} {record['level'].name:<8} {_one_line(self._message(record))}"]
        lines += ["    " + _one_line(line) for line in self._traceback(record).splitlines()]
        return "\n".join(lines)

    def _json(self, record: Record) -> str:
        fields: dict[str, Any] = {"ts": record["time"].astimezone(UTC).isoformat(timespec="milliseconds")}
        for name, value in record["extra"].items():
            fields[name] = self._short(value) if isinstance(value, str) else value
        if trace := self._traceback(record):
            fields["traceback"] = trace
        fields |= {"level": record["level"].name, "message": _one_line(self._message(record))}
        return json.dumps(fields, default=str)

    def _message(self, record: Record) -> str:
        text = self._short(record["message"])
        if record["exception"]:
            kind, error, frames = record["exception"]
            said = f": {self._short(str(error))}" if str(error) else ""
            last = traceback.extract_tb(frames)[-1:]
            where = "".join(f" ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in last)
            text += f" {kind.__name__ if kind else 'Error'}{said}{where}"
        return text

    def _traceback(self, record: Record) -> str:
        """Empty unless there is one and it is asked for."""
        if not self._tracebacks or not record["exception"]:
            return ""
        return "".join(traceback.format_exception(record["exception"].value))

    def _short(self, text: str) -> str:
        # Masked first: the cut may go through a secret, and half of one is known by nobody.
        text = self._masked(text)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _one_line(text: str) -> str:
    """Line breaks, colour codes and the like as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class WindowedCounter:
    """Counts by key, in windows of `WINDOW_S` seconds that begin with the first count."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._ends_at_s = 0.0

    def add(self, key: str) -> int:
        """The count of `key` in this window."""
        if not self._counts:
            self._ends_at_s = self._clock() + WINDOW_S
        self._counts[key] += 1
        return self._counts[key]

    def ended(self) -> Counter[str]:
        """The counts of a window that is over, once; else none."""
        if not self._counts or self._clock() < self._ends_at_s:
            return Counter()
        counts, self._counts = self._counts, Counter()
        return counts


class _Foreign(stdlib.Handler):
    """Hands on what other libraries log, whatever levels they have set for themselves."""

    def __init__(self) -> None:
        super().__init__(stdlib.WARNING)
        self._tally = WindowedCounter()

    def emit(self, record: stdlib.LogRecord) -> None:
        for name, count in self._tally.ended().items():
            if count > _SPOKEN_OUT:
                logger.warning("{}: and {} lines more", name, count - _SPOKEN_OUT)
        if self._tally.add(f"{record.name} ({record.levelname})") <= _SPOKEN_OUT:
            level = "ERROR" if record.levelno >= stdlib.ERROR else "WARNING"
            said = f"{record.name}: {record.getMessage()}"
            error = record.exc_info if record.exc_info and record.exc_info[0] else None
            logger.bind(logger=record.name).opt(exception=error).log(level, said)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        thread = args.thread.name if args.thread else "?"
        logger.opt(exception=args.exc_value).error("The thread {} died:", thread)


class EventLog:
    """A sink of `logicnet.events`: a line an event, and of the refusals one line a reason and minute.

    Challenges beyond ten a second come from a load test, and are counted too: saying one costs as
    much as verifying a signature.

    No question, no answer, nothing a caller chose is in it. The individual refusals are on disk, in
    the ledger; `--logging.debug` shows the first of each minute.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._tally = WindowedCounter(clock)  # of refusals and promises
        self._challenges = WindowedCounter(clock)

    def __call__(self, event: Event) -> None:
        self._sum_up()
        match event:
            case Answered():
                if self._challenges.add("answered") <= _CHALLENGES_SPOKEN_OUT:
                    self._answered(event)
            case Refused():
                self._refused(event)
            case Admitted():
                if self._challenges.add("admitted") <= _CHALLENGES_SPOKEN_OUT:
                    self._admitted(event)
            case HungUp():
                logger.bind(
                    event="hung_up",
                    challenge=event.challenge_id,
                    validator=event.validator,
                    seconds=round(event.seconds, 3),
                ).info(f"{_short(event.validator)} hung up after {event.seconds:.2f} s")
            case Promised():
                if self._tally.add("promised") <= _SPOKEN_OUT:
                    promised = event.epoch.promised
                    logger.bind(event="promised", validator=event.epoch.validator, promised=promised).debug(
                        f"Promised {_short(event.epoch.validator)} {promised} challenges"
                    )
            case Shadowed():
                logger.bind(
                    event="shadowed",
                    challenge=event.challenge_id,
                    solver=event.solver,
                    outcome=event.outcome,
                    seconds=round(event.seconds, 3),
                ).debug(f"Shadow {event.solver} in {event.seconds:.2f} s: {event.outcome}")
            case NonceAccepted() | Placed():
                pass

    def _admitted(self, event: Admitted) -> None:
        logger.bind(
            event="admitted",
            challenge=event.challenge_id,
            validator=event.validator,
            wire=event.wire,
            allowed_s=round(event.allowed_s, 3),
        ).debug(f"Admitted {_short(event.validator)}, {event.wire}, {event.allowed_s:.1f} s allowed")

    def _answered(self, event: Answered) -> None:
        said = f"Answered {_short(event.validator)} in {event.seconds:.2f} s: {event.outcome}"
        logger.bind(
            event="answered",
            challenge=event.challenge_id,
            validator=event.validator,
            solver=event.solver,
            outcome=event.outcome,
            seconds=round(event.seconds, 3),
            error=event.error,
        ).log(
            "INFO" if event.outcome == "solved" else "WARNING",
            f"{said} ({event.error})" if event.error else said,
        )

    def _refused(self, event: Refused) -> None:
        count = self._tally.add(event.reason)
        if count <= _SPOKEN_OUT:
            whom = _short(event.validator) if event.validator else "somebody"
            logger.bind(event="refused", reason=str(event.reason), validator=event.validator).log(
                "INFO" if count == 1 else "DEBUG", f"Refused {whom}: {event.reason}. {event.message}"
            )

    def _sum_up(self) -> None:
        unsaid = self._challenges.ended()["answered"] - _CHALLENGES_SPOKEN_OUT
        if unsaid > 0:
            logger.bind(event="answers", unsaid=unsaid).info(f"And {unsaid} more answered within a minute")
        counts = self._tally.ended()
        del counts["promised"]
        if any(count > 1 for count in counts.values()):
            refused = dict(counts.most_common())
            listed = ", ".join(f"{reason} {count}" for reason, count in refused.items())
            logger.bind(event="refusals", refused=refused).info(f"Refused within a minute: {listed}")


log_event = EventLog()
"""The miner's one."""


def _short(hotkey: Hotkey) -> str:
    return hotkey[:_HOTKEY_SHOWN]
