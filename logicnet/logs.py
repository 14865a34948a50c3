"""Logs: loguru to stderr, as plain text or one JSON object a line. No colours, no bodies, no secrets.

One event is one line, also if a caller sent line breaks; only `--logging.trace` adds tracebacks. Other
libraries log from WARNING up: their debug lines carry bodies, headers and keys. Lines that a stranger can
cause are counted, so that a flood cannot fill the disk. A thread writes: a pipe that nobody reads stops the
log, not the miner.
"""

from __future__ import annotations

import atexit
import io
import json
import logging as stdlib
import os
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger

from logicnet.deadline import Clock
from logicnet.events import Admitted, Announced, Answered, Event, HungUp, Refused, Shadowed
from logicnet.protocol import Hotkey
from logicnet.settings import MASK, LoggingSettings

if TYPE_CHECKING:
    from loguru import Message, Record

WINDOW_S = 60.0  # over which repetitions are counted
_REPEATS_LOGGED = 20  # per window: debug lines of one reason, lines of another library's logger
_CHALLENGES_LOGGED = 600  # per window; ten a second exceeds all quotas of a subnet together
_SHORTEST_SECRET = 6  # characters; "EMPTY" as a key for vLLM is no secret, and masking it garbles lines
_LONGEST = 1000  # characters of a text; another library's error may hold a whole page
_LINES_WAITING = 10_000  # to be written; some 2 MB
_BATCH_S = 0.02  # lines of so long are one write
_LAST_LINES_S = 1.0  # for them to be written when the process ends
_HOTKEY_SHOWN = 8  # characters; enough to tell validators apart


def set_up(settings: LoggingSettings, secrets: Collection[str] = ()) -> None:
    """Configure level and form; `secrets` are masked. The standard library's logging is included."""
    level = "TRACE" if settings.trace else "DEBUG" if settings.debug else "INFO"
    logger.remove()
    logger.add(
        _Stderr(as_json=settings.json_lines, tracebacks=settings.trace, secrets=secrets),
        level=level,
        format=lambda record: "",  # the sink writes the line itself
        backtrace=False,
        diagnose=False,  # would print the values of variables
    )
    stdlib.root.handlers = [_Foreign()]
    stdlib.root.setLevel(stdlib.WARNING)
    stdlib.captureWarnings(True)
    threading.excepthook = _thread_died


class _Writer:
    """Writes to stderr on a thread of its own. Lines beyond `_LINES_WAITING` are dropped, and counted."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._some = threading.Event()
        self._writing = False
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Write a line soon. At once if stderr is no file of the system: then nobody can hold it up."""
        if not _is_file(sys.stderr):
            with suppress(OSError, ValueError):
                sys.stderr.write(line)
            return
        if len(self._lines) >= _LINES_WAITING:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
            atexit.register(self._end)

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_BATCH_S)
            self._some.clear()
            self._writing = True
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                lines.append(f"{self._dropped} lines of the log were dropped: nobody read it.\n")
                self._dropped = 0
            with suppress(OSError, ValueError):  # a closed pipe
                # Not sys.stderr.write(): it would hold a lock that the end of the process needs.
                left = "".join(lines).encode(errors="backslashreplace")
                while left:
                    left = left[os.write(sys.stderr.fileno(), left) :]
            self._writing = False

    def _end(self) -> None:
        end_s = time.monotonic() + _LAST_LINES_S
        while (self._lines or self._writing) and time.monotonic() < end_s:
            time.sleep(_BATCH_S / 4)


_writer = _Writer()


def _is_file(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.fileno() >= 0
    except (OSError, ValueError, io.UnsupportedOperation):  # closed, or a test's
        return False


class _Stderr:
    """A loguru sink. `sys.stderr` is looked up for each line, because it may be replaced."""

    def __init__(self, *, as_json: bool, tracebacks: bool, secrets: Collection[str]) -> None:
        self._as_json = as_json
        self._tracebacks = tracebacks
        fit = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        # Also as JSON and repr() write them.
        forms = {form for one in fit for form in (one, json.dumps(one)[1:-1], repr(one)[1:-1])}
        self._secrets = sorted(forms, key=len, reverse=True)  # longest first: one may hold another

    def __call__(self, message: Message) -> None:
        record = message.record
        line = self._json(record) if self._as_json else self._plain(record)
        _writer.write(self._masked(line) + "\n")

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
        """Empty without an exception or --logging.trace."""
        if not self._tracebacks or not record["exception"]:
            return ""
        return "".join(traceback.format_exception(record["exception"].value))

    def _short(self, text: str) -> str:
        # Masked first: cutting could leave half a secret, which masking would miss.
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
        """The counts of a finished window, once; else empty."""
        if not self._counts or self._clock() < self._ends_at_s:
            return Counter()
        counts, self._counts = self._counts, Counter()
        return counts


class _Foreign(stdlib.Handler):
    """Forwards other libraries' logs from WARNING up, at any level they set."""

    def __init__(self) -> None:
        super().__init__(stdlib.WARNING)
        self._tally = WindowedCounter()

    def emit(self, record: stdlib.LogRecord) -> None:
        for name, count in self._tally.ended().items():
            if count > _REPEATS_LOGGED:
                logger.warning("{}: and {} lines more", name, count - _REPEATS_LOGGED)
        if self._tally.add(f"{record.name} ({record.levelname})") <= _REPEATS_LOGGED:
            level = "ERROR" if record.levelno >= stdlib.ERROR else "WARNING"
            said = f"{record.name}: {record.getMessage()}"
            error = record.exc_info if record.exc_info and record.exc_info[0] else None
            logger.bind(logger=record.name).opt(exception=error).log(level, said)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        thread = args.thread.name if args.thread else "?"
        logger.opt(exception=args.exc_value).error("The thread {} crashed:", thread)


class EventLog:
    """An event sink: one line per event, and one summary of refusals per minute.

    Challenges beyond ten a second come from a load test and are only counted: logging one costs as much as
    verifying a signature. No line holds a question, an answer or other text of a caller. The ledger has all
    refusals; `--logging.debug` shows the first of each minute.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._others = WindowedCounter(clock)  # refusals and Information requests
        self._challenges = WindowedCounter(clock)

    def __call__(self, event: Event) -> None:
        self._summarise()
        match event:
            case Answered() if self._challenges.add("answered") <= _CHALLENGES_LOGGED:
                level = "INFO" if event.outcome == "solved" else "WARNING"
                text = f"Answered {_short(event.validator)} in {event.seconds:.2f} s: {event.outcome}"
                text += f" ({event.error})" if event.error else ""
                fields = ("challenge_id", "validator", "solver", "outcome", "seconds", "error")
                _log(level, text, "answered", event, *fields)
            case Admitted() if self._challenges.add("admitted") <= _CHALLENGES_LOGGED:
                text = f"Admitted {_short(event.validator)}, {event.wire}, {event.allowed_s:.1f} s allowed"
                _log("DEBUG", text, "admitted", event, "challenge_id", "validator", "wire", "allowed_s")
            case HungUp():
                text = f"{_short(event.validator)} hung up after {event.seconds:.2f} s"
                _log("INFO", text, "hung_up", event, "challenge_id", "validator", "seconds")
            case Refused():
                self._refused(event)
            case Announced(epoch=epoch) if self._others.add("promised") <= _REPEATS_LOGGED:
                named = logger.bind(event="promised", validator=epoch.validator, promised=epoch.announced)
                named.debug(f"Announced {epoch.announced} challenges to {_short(epoch.validator)}")
            case Shadowed():
                text = f"Shadow {event.solver} in {event.seconds:.2f} s: {event.outcome}"
                _log("DEBUG", text, "shadowed", event, "challenge_id", "solver", "outcome", "seconds")

    def _refused(self, event: Refused) -> None:
        count = self._others.add(event.reason)
        if count <= _REPEATS_LOGGED:
            caller = _short(event.validator) if event.validator else "an unverified caller"
            text = f"Refused {caller}: {event.reason}. {event.message}"
            _log("INFO" if count == 1 else "DEBUG", text, "refused", event, "reason", "validator")

    def _summarise(self) -> None:
        unsaid = self._challenges.ended()["answered"] - _CHALLENGES_LOGGED
        if unsaid > 0:
            logger.bind(event="answers", unsaid=unsaid).info(f"And {unsaid} more answered within a minute")
        counts = self._others.ended()
        del counts["promised"]
        if any(count > 1 for count in counts.values()):
            refused = dict(counts.most_common())
            listed = ", ".join(f"{reason} {count}" for reason, count in refused.items())
            logger.bind(event="refusals", refused=refused).info(f"Refused within a minute: {listed}")


log_event = EventLog()
"""The miner's."""


def _log(level: str, text: str, name: str, event: object, *fields: str) -> None:
    """Log `text`, with fields of `event` for the JSON form."""
    values = {field.removesuffix("_id"): getattr(event, field) for field in fields}
    found = {field: round(one, 3) if isinstance(one, float) else one for field, one in values.items()}
    logger.bind(event=name, **found).log(level, text)


def _short(hotkey: Hotkey) -> str:
    return hotkey[:_HOTKEY_SHOWN]
