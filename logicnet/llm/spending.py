"""Spending: what paid servers have cost today, kept in a small file so that a restart forgets nothing.

A call is charged in full before it begins (its prompt, all the tokens it may write) and corrected when
the server says what it was. So the limit holds however many calls are in flight, and a call that was
cut off costs what it might have. The request path only counts; a task writes the file at once after.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field

from logicnet.llm.spec import Limit

_DAY_S = 86_400
_TRY_AGAIN_S = 10.0  # after a file that could not be written


class _Kept(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    day: int  # since 1970, UTC
    spent: dict[str, Annotated[float, Field(ge=0)]]


class Spending:
    """The day's sums by server, in memory and in the JSON file `path` (in memory alone if None)."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._day = self._today()
        self._spent: dict[str, float] = {}
        self._unwritten = asyncio.Event()
        self._writing = threading.Lock()
        self._stuck = False  # the file cannot be written: nothing may be spent that would be forgotten
        self._unknown = False  # it could not be read: today's sum may be anything
        self._read()

    def spent(self, name: str) -> float:
        """Today, calls in flight in full. Only looks, so that another thread may ask."""
        return self._spent.get(name, 0.0) if self._today() <= self._day else 0.0

    def charge(self, name: str, limit: Limit, amount: float) -> bool:
        """Set `amount` aside for a call; False, and nothing done, if the limit does not allow it."""
        self._turn()
        if self._stuck or self.spent(name) + amount > limit.per_day or self._unknown:
            return False
        self._add(name, amount)
        return True

    def correct(self, name: str, charged: float, real: float, at_s: float) -> None:
        """A call that was charged at `at_s` (unix seconds) cost `real`; yesterday's is left as it is."""
        self._turn()
        if at_s // _DAY_S == self._day:
            self._add(name, real - charged)

    def now_s(self) -> float:
        return self._clock()

    async def keep(self) -> None:
        """Write what changes, until cancelled."""
        while True:
            await self._unwritten.wait()
            self._unwritten.clear()
            try:
                await asyncio.to_thread(self._write)
            except OSError as error:
                if not self._stuck:
                    logger.warning(
                        "{} cannot be written ({}): no paid model is asked until it can.",
                        self._path,
                        error.strerror,
                    )
                self._stuck = True
                self._unwritten.set()
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                self._stuck = False

    def close(self) -> None:
        """Write once more."""
        if self._spent:
            try:
                self._write()
            except OSError as error:
                logger.warning("{} cannot be written ({}).", self._path, error.strerror)

    def _add(self, name: str, amount: float) -> None:
        self._spent[name] = max(0.0, self._spent.get(name, 0.0) + amount)
        self._unwritten.set()

    def _today(self) -> int:
        return int(self._clock() // _DAY_S)

    def _turn(self) -> None:
        if (today := self._today()) > self._day:  # a clock that goes back gives nothing back
            self._day, self._spent, self._unknown = today, {}, False
            self._unwritten.set()

    def _write(self) -> None:
        if self._path is None:
            return
        with self._writing:  # one at a time, on whatever thread, and none that is older after a newer
            text = _Kept(day=self._day, spent=self._spent.copy()).model_dump_json()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(text)
            beside.replace(self._path)

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            kept = _Kept.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._unknown = True
            why = error.strerror if isinstance(error, OSError) else "damaged"
            logger.warning(
                "{} cannot be read ({}): no paid model is asked today; to allow it, move the file away.",
                self._path,
                why,
            )
            return
        if kept.day >= self._day:
            self._day, self._spent = kept.day, dict(kept.spent)
