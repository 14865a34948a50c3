import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from logicnet.chain.loop_thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("test")
    yield thread
    thread.stop()


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_work_runs_on_the_other_thread_and_returns_or_raises(thread: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError("x")

    assert await thread.run(name, 60.0) == "test"
    with pytest.raises(KeyError):
        await thread.run(fail, 60.0)


async def test_what_hangs_is_given_up_and_cancelled(thread: LoopThread) -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await for_ever()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        await thread.run(hang, 0.02)
    assert await asyncio.to_thread(cancelled.wait, 60.0)


async def test_a_caller_who_leaves_cancels_the_work(thread: LoopThread) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def hang() -> None:
        begun.set()
        try:
            await for_ever()
        finally:
            cancelled.set()

    caller = asyncio.create_task(thread.run(hang, 60.0))
    assert await asyncio.to_thread(begun.wait, 60.0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await asyncio.to_thread(cancelled.wait, 60.0)


async def test_stopping_fails_what_is_under_way_and_what_comes_after(thread: LoopThread) -> None:
    begun = threading.Event()

    async def hang() -> None:
        begun.set()
        await for_ever()

    caller = asyncio.create_task(thread.run(hang, 60.0))
    assert await asyncio.to_thread(begun.wait, 60.0)
    thread.stop()
    with pytest.raises(ConnectionError):  # not CancelledError: nobody cancelled the caller
        await caller
    assert await thread.ended(60.0)
    with pytest.raises(ConnectionError):
        await thread.run(for_ever, 60.0)


async def test_stopping_closes_connections_that_a_library_left_open(thread: LoopThread) -> None:
    ended = asyncio.Event()

    async def until_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(until_eof, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    left_open = []

    async def connect_and_forget() -> None:
        left_open.append(await asyncio.open_connection("127.0.0.1", port))

    async with server:
        await thread.run(connect_and_forget, 60.0)
        assert not ended.is_set()
        thread.stop()
        await asyncio.wait_for(ended.wait(), 60.0)


async def test_a_thread_that_is_stuck_holds_up_nobody(thread: LoopThread) -> None:
    release = threading.Event()

    async def block() -> None:
        release.wait()

    try:
        with pytest.raises(TimeoutError):
            await thread.run(block, 0.02)
        thread.stop()
        assert not await thread.ended(0.02)
    finally:
        release.set()
    assert await thread.ended(60.0)


async def test_a_look_up_that_hangs_holds_up_nobody(
    thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait()
        return []

    async def connect() -> None:
        await asyncio.open_connection("chain.invalid", 9944)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", hang)
        with pytest.raises(TimeoutError):
            await thread.run(connect, 0.05)
        thread.stop()
        assert await thread.ended(60.0)
    try:
        looking_up = [t for t in threading.enumerate() if t.name == "look-up"]
        assert looking_up and all(t.daemon for t in looking_up)
    finally:
        release.set()


async def test_a_name_that_does_not_exist_is_an_error_of_the_system(thread: LoopThread) -> None:
    async def connect() -> None:
        await asyncio.open_connection("no such name", 9944)

    with pytest.raises(OSError):
        await thread.run(connect, 20.0)
