"""LoopThread: an event loop in a daemon thread of its own, that can be thrown away.

The chain's library leaves sockets, tasks and DNS lookups behind when a call is cancelled. On this loop
they cannot delay the miner's own loop or its exit: stopping it closes its connections and tasks.
"""

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

_WIND_UP_S = 0.3  # for cancelled tasks to end


class LoopThread:
    """Runs coroutines on its own loop, each within a time limit. Starts when made; stops once."""

    def __init__(self, name: str) -> None:
        self._loop = Loop()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        threading.Thread(target=self._main, name=name, daemon=True).start()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> T:
        """Run `work()` on the other loop; its result or exception.

        Raises TimeoutError after `timeout_s`, ConnectionError if the loop is stopped meanwhile. In both
        cases `work` is cancelled without waiting for it.
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
        """Cancel everything on the loop. Returns at once; the thread ends soon after."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def ended(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` for the thread to end; whether it did."""
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
    """A loop that tracks its connections, and whose DNS lookups never keep the process alive."""

    def __init__(self) -> None:
        super().__init__(selectors.DefaultSelector())
        self._opened: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        self.set_exception_handler(_to_debug_log)

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **kwargs)
        self._opened.add(transport)
        return transport, protocol

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        # Python joins the default executor's threads at exit, so a hung resolver would block it.
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
        """Close all connections, cancel all tasks, and give the tasks a moment to end."""
        for transport in list(self._opened):
            transport.abort()
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks, timeout=_WIND_UP_S))
        self.run_until_complete(self.shutdown_asyncgens())


def _to_debug_log(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Such as an exception that the library never retrieved: not for the operator.
    logger.debug("Unhandled in the chain's thread: {!r}", context.get("exception", context["message"]))
