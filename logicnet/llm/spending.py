"""Spending: the cost of paid servers today, kept in a small file across restarts.

A call is charged in full before it starts (its prompt and all the tokens it may write) and corrected when the
server reports its usage. So the limit holds however many calls are in flight, and a call that is cut off
keeps its full charge. The request path only counts; a task writes the file right after.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field

from logicnet.llm._types import Limit

_DAY_S = 86_400
_TRY_AGAIN_S = 10.0  # after a failed write


class _Kept(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    day: int  # since 1970, UTC
    spent: dict[str, Annotated[float, Field(ge=0)]]


class Spending:
    """The sums of the day by server, in memory and in the JSON file `path` (None: in memory only)."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self.clock = clock
        self._day = self._today()
        self._spent: dict[str, float] = {}
        self._unwritten = asyncio.Event()
        self._writing = threading.Lock()
        self._stuck = False  # the file cannot be written, so no paid call may start
        self._unknown = False  # the file could not be read, so today's sum is unknown
        self._read()

    def spent(self, name: str) -> float:
        """Today, with calls in flight in full. Read-only, so other threads may call it."""
        return self._spent.get(name, 0.0) if self._today() <= self._day else 0.0

    def charge(self, name: str, limit: Limit, amount: float) -> bool:
        """Reserve `amount` for a call; False if the limit does not allow it."""
        self._turn()
        if self._stuck or self.spent(name) + amount > limit.per_day or self._unknown:
            return False
        self._add(name, amount)
        return True

    def correct(self, name: str, charged: float, real: float, at_s: float) -> None:
        """Correct the charge of a call made at `at_s` (unix seconds), if that was today."""
        self._turn()
        if at_s // _DAY_S == self._day:
            self._add(name, real - charged)

    async def keep(self) -> None:
        """Write every change to the file, until cancelled."""
        while True:
            await self._unwritten.wait()
            self._unwritten.clear()
            try:
                await asyncio.to_thread(self._write)
            except OSError as error:
                if not self._stuck:
                    logger.warning(
                        "Cannot write {} ({}): paid models are not asked until it can be written.",
                        self._path,
                        error.strerror,
                    )
                self._stuck = True
                self._unwritten.set()
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                self._stuck = False

    def close(self) -> None:
        """Write a last time."""
        if self._spent:
            try:
                self._write()
            except OSError as error:
                logger.warning("Cannot write {} ({}).", self._path, error.strerror)

    def _add(self, name: str, amount: float) -> None:
        self._spent[name] = max(0.0, self._spent.get(name, 0.0) + amount)
        self._unwritten.set()

    def _today(self) -> int:
        return int(self.clock() // _DAY_S)

    def _turn(self) -> None:
        if (today := self._today()) > self._day:  # a clock that goes back refunds nothing
            self._day, self._spent, self._unknown = today, {}, False
            self._unwritten.set()

    def _write(self) -> None:
        if self._path is None:
            return
        with self._writing:  # threads write one at a time, the newest state last
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
                "Cannot read {} ({}): paid models are not asked today. To allow them, move the file away.",
                self._path,
                why,
            )
            return
        if kept.day >= self._day:
            self._day, self._spent = kept.day, dict(kept.spent)
