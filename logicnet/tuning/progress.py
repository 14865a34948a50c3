"""What events.jsonl says of a training: steps, the loss curve, evaluations, how long it will take.

A `Progress` reads what was appended since its last look. A torn line (a trainer was killed, a disk was full)
is left out and counted; a line that is not yet whole waits for the next look; a file that became shorter is
read from its beginning.
"""

import json
import math
import os
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.tuning.data.prepare import Prepared
from logicnet.tuning.train.jobfile import ENDINGS

MOST_POINTS = 500  # of a curve; a chart shows no more
_PACE_STEPS = 20  # reports over which the pace is taken
_GPU_REPORTS = 5  # from which on their mean says something
_WARNINGS = 5  # the last ones
_MOST_STEPS = 10**12
_MOST_TEXT = 10_000  # characters of what a trainer says
_CHUNK_BYTES = 1 << 20  # a line that is longer is no event


@dataclass(frozen=True)
class Evaluated:
    """On the held-out rows."""

    step: int
    loss: float
    perplexity: float | None
    best: bool
    reward: float | None = None


@dataclass(frozen=True)
class PreparedRows:
    """Numbers of rows before training, and what was found odd about them and the job's settings."""

    trained: int
    validation: int
    dropped: Mapping[str, int]  # by reason
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Ending:
    """How a trainer ended, in its own words."""

    reason: str  # one of ENDINGS
    message: str


class Progress:
    """Of one job's folder. Every field is None, or empty, until an event tells it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        self._clear()

    def _clear(self) -> None:
        self._offset = 0
        self._stride = 1
        self._reports = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=_PACE_STEPS)
        self._attempt_s: float | None = None
        self._earlier_s = 0.0
        self.events = 0
        self.broken = 0
        self.attempt = 0  # the number of the last start
        self.spoke = False  # an event came after that
        self.rows: PreparedRows | None = None
        self.limit_s: float | None = None  # for training, all attempts together
        self.last_s: float | None = None  # unix seconds of the last event
        self.device: str | None = None
        self.steps: int | None = None  # in all
        self.step = 0
        self.epoch: float | None = None
        self.loss: float | None = None
        self.lr: float | None = None
        self.curve: list[tuple[int, float]] = []  # step, training loss; MOST_POINTS at most
        self.evaluations: list[Evaluated] = []
        self.sample: tuple[str, str] | None = None  # prompt, text
        self.warnings: deque[str] = deque(maxlen=_WARNINGS)
        self.ended: Ending | None = None  # of the last attempt
        self.memory: float | None = None  # the share that was taken at the last report
        self._gpu: deque[float] = deque(maxlen=_PACE_STEPS)

    def read(self) -> int:
        """Read what is new; returns the number of new events. A file that is not there has none."""
        before = self.events
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._clear()
                    before = 0
                file.seek(self._offset)
                while chunk := file.read(_CHUNK_BYTES):
                    whole, found, _ = chunk.rpartition(b"\n")
                    if not found and len(chunk) < _CHUNK_BYTES:
                        break  # a line that is still written
                    for line in whole.split(b"\n") if found else [b"too long"]:
                        self._take(line)
                    self._offset += len(whole) + 1 if found else len(chunk)
                    file.seek(self._offset)
        except FileNotFoundError:
            self._clear()
            before = 0
        return self.events - before

    @property
    def best(self) -> Evaluated | None:
        return next((found for found in reversed(self.evaluations) if found.best), None)

    @property
    def seconds_a_step(self) -> float | None:
        """By the clock, evaluations included, over the last reports."""
        if len(self._recent) < 2:
            return None
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        return (last_s - first_s) / (last - first) if last > first and last_s >= first_s else None

    @property
    def gpu(self) -> float | None:
        """The share of its time that the GPU was busy, over the last reports; None for fewer than 5."""
        return statistics.fmean(self._gpu) if len(self._gpu) >= _GPU_REPORTS else None

    @property
    def eta_s(self) -> float | None:
        pace_s = self.seconds_a_step
        if self.steps is None or pace_s is None or self.ended is not None:
            return None
        return max(0.0, (self.steps - self.step) * pace_s)

    @property
    def trained_s(self) -> float:
        """Seconds that trainers worked, from each start to its last event."""
        now_s = self.last_s
        running_s = 0.0 if self._attempt_s is None or now_s is None else max(0.0, now_s - self._attempt_s)
        return self._earlier_s + running_s

    def shown(self) -> dict[str, Any]:
        """For `GET /status` and the console; JSON without NaN."""
        best = self.best
        return {
            "step": self.step,
            "steps": self.steps,
            "epoch": self.epoch,
            "loss": self.loss,
            "lr": self.lr,
            "device": self.device,
            "memory": self.memory,
            "gpu": self.gpu,
            "attempt": self.attempt,
            "seconds_a_step": self.seconds_a_step,
            "eta_s": self.eta_s,
            "best_step": best and best.step,
            "best_loss": best and best.loss,
            "held_out": [(one.step, one.loss) for one in self.evaluations],
            "rows": None
            if self.rows is None
            else {
                "trained": self.rows.trained,
                "validation": self.rows.validation,
                "dropped": dict(self.rows.dropped),
            },
            "warnings": self.warned,
            "ended": self.ended and self.ended.reason,
        }

    @property
    def warned(self) -> list[str]:
        """Warnings of preparing, which stay, and the last ones of the trainer."""
        return [*(() if self.rows is None else self.rows.warnings), *self.warnings]

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            event = json.loads(line)
            kind, at_s = event["kind"], float(event["at"])
            if not isinstance(kind, str) or not math.isfinite(at_s):
                raise ValueError(kind)
            take = getattr(self, f"_{kind}", None) if kind in _KINDS else None
            if take is not None:
                take(at_s, event)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError, AttributeError):
            self.broken += 1
            return
        self.events += 1
        self.last_s = at_s
        self.spoke = kind not in ("attempt", "prepared")  # which no trainer writes

    def _prepared(self, _at_s: float, event: Mapping[str, Any]) -> None:
        dropped = {_text(reason): _whole(count) for reason, count in event["dropped"].items()}
        warnings = tuple(map(_text, event["warnings"]))[:_WARNINGS]
        self.rows = PreparedRows(_whole(event["rows"]), _whole(event["validation"]), dropped, warnings)

    def _attempt(self, at_s: float, event: Mapping[str, Any]) -> None:
        number, limit_s = _whole(event["number"]), _number(event.get("limit_s"))
        self._earlier_s = self.trained_s
        self._attempt_s = at_s
        self._recent.clear()
        self._gpu.clear()
        self.memory = None
        self.attempt = number
        self.ended = None
        if self.limit_s is None:
            self.limit_s = limit_s

    def _started(self, _at_s: float, event: Mapping[str, Any]) -> None:
        steps, resumed = event.get("steps"), event.get("resumed_from")
        self.steps = None if steps is None else _whole(steps)
        self.step = _whole(resumed or 0)
        self.device = _text(event.get("device"))
        # Steps after the checkpoint are done again.
        self.curve = [point for point in self.curve if point[0] <= self.step]
        self.evaluations = [found for found in self.evaluations if found.step <= self.step]
        self._recent.clear()

    def _step(self, at_s: float, event: Mapping[str, Any]) -> None:
        step, loss = _whole(event["step"]), _number(event.get("loss"))
        self.step = step
        self.loss, self.lr, self.epoch = loss, _number(event.get("lr")), _number(event.get("epoch"))
        self._recent.append((at_s, step))
        self.memory, gpu = _number(event.get("memory")), _number(event.get("gpu"))
        if gpu is not None:
            self._gpu.append(gpu)
        if loss is not None and self._reports % self._stride == 0:
            self.curve.append((step, loss))
            if len(self.curve) > MOST_POINTS:
                self.curve = self.curve[::2]
                self._stride *= 2
        self._reports += 1

    def _eval(self, _at_s: float, event: Mapping[str, Any]) -> None:
        loss = _number(event["loss"])
        if loss is not None:
            found = Evaluated(
                _whole(event["step"]),
                loss,
                _number(event.get("perplexity")),
                event.get("best") is True,
                _number(event.get("reward")),
            )
            self.evaluations = [*self.evaluations, found][-MOST_POINTS:]

    def _sample(self, _at_s: float, event: Mapping[str, Any]) -> None:
        self.sample = (_text(event["prompt"]), _text(event["text"]))

    def _warning(self, _at_s: float, event: Mapping[str, Any]) -> None:
        self.warnings.append(_text(event["message"]))

    def _ended(self, _at_s: float, event: Mapping[str, Any]) -> None:
        if event["reason"] not in ENDINGS:
            raise ValueError(event["reason"])
        self.ended = Ending(event["reason"], _text(event.get("message") or ""))


_KINDS = ("prepared", "attempt", "started", "step", "eval", "sample", "warning", "ended")


def write_attempt(folder: Path, number: int, limit_s: float | None, now_s: float) -> None:
    """Note in events.jsonl that a trainer is about to be started, in place of a line that was torn."""
    _append(folder, now_s, "attempt", number=number, limit_s=limit_s)


def write_prepared(folder: Path, rows: Prepared, warnings: Sequence[str], now_s: float) -> None:
    """Note in events.jsonl how many rows there are, why others were dropped, and what was warned of."""
    facts = {"rows": rows.rows, "validation": rows.validation, "dropped": dict(rows.dropped)}
    _append(folder, now_s, "prepared", **facts, warnings=list(warnings))


def _append(folder: Path, now_s: float, kind: str, **facts: Any) -> None:
    line = json.dumps({"at": now_s, "kind": kind, **facts}).encode() + b"\n"
    with (folder / "events.jsonl").open("ab+") as file:
        file.seek(max(0, file.tell() - _CHUNK_BYTES))
        torn = len(file.read().rpartition(b"\n")[2])
        file.truncate(file.tell() - torn)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _whole(found: Any) -> int:
    """A number of steps. Raises ValueError, TypeError, OverflowError."""
    number = int(found)
    if not 0 <= number < _MOST_STEPS:
        raise ValueError(number)
    return number


def _text(found: object) -> str:
    """What a trainer says; half a surrogate pair is no text, and could not be sent."""
    return str(found)[:_MOST_TEXT].encode(errors="replace").decode()


def _number(found: object) -> float | None:
    """Finite numbers only: NaN is not JSON. An integer may be too long for a float (OverflowError)."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)
