"""LoopThread: an event loop aside, in a daemon thread of its own.

The chain's library opens sockets, starts tasks and resolves names as it pleases, and some of that
outlives a call that was cancelled (an open connection keeps its supervisor task, a hung DNS lookup
its thread). Here all of it happens on a loop that can be thrown away: stopping it closes every
connection that was opened on it and cancels every task. Nothing in there can hold up the miner's
own loop, nor its exit.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import selectors
import socket
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from loguru import logger

T = TypeVar("T")

_WIND_UP_S = 0.3  # what cancelled tasks get to end in


class LoopThread:
    """Runs coroutines on a loop of its own, each within a time limit. Starts at once; stops once."""

    def __init__(self, name: str) -> None:
        self._loop = Loop()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        threading.Thread(target=self._main, name=name, daemon=True).start()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> T:
        """What `work()` returns or raises, on the other loop.

        Raises TimeoutError after `timeout_s` seconds, ConnectionError if the loop is stopped
        meanwhile. In both cases `work` is cancelled, but not waited for.
        """
        coroutine = work()
        try:
            result = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise ConnectionError("the connection was dropped") from None
        try:
            done, _ = await asyncio.wait({result}, timeout=timeout_s)
        finally:
            result.cancel()
        if not done:
            raise TimeoutError
        if result.cancelled():  # by the loop's end, not by us
            raise ConnectionError("the connection was dropped")
        return result.result()

    def stop(self) -> None:
        """Drop whatever runs. Returns at once; the thread ends by itself soon after."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def ended(self, timeout_s: float) -> bool:
        """Whether the thread ended within `timeout_s` seconds of asking."""
        ended = asyncio.wrap_future(self._ended)
        await asyncio.wait({ended}, timeout=timeout_s)
        return ended.done()

    def _main(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.drop()
        finally:
            self._loop.close()
            self._ended.set_result(None)


class Loop(asyncio.SelectorEventLoop):
    """A loop that knows what was opened on it, and whose lookups never keep the process alive."""

    def __init__(self) -> None:
        super().__init__(selectors.DefaultSelector())
        self._opened: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        self.set_exception_handler(_to_debug_log)

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **kwargs)
        self._opened.add(transport)
        return transport, protocol

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        # The default executor's threads are joined at exit, so a resolver that does not answer
        # would keep a stopped miner alive. A daemon thread does not.
        found: concurrent.futures.Future[Any] = concurrent.futures.Future()
        found.set_running_or_notify_cancel()

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(*args, **kwargs))
            except OSError as error:
                found.set_exception(error)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return await asyncio.wrap_future(found, loop=self)

    def drop(self) -> None:
        """Close every connection, cancel every task, and give them a moment to end."""
        for transport in list(self._opened):
            transport.abort()
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks, timeout=_WIND_UP_S))
        self.run_until_complete(self.shutdown_asyncgens())


def _to_debug_log(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # What a library leaves behind (an exception that nobody fetched) is no news to the operator.
    logger.debug("Left behind in the chain's thread: {!r}", context.get("exception", context["message"]))
