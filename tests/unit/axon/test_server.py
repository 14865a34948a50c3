"""The axon behind real sockets, and callers who do not behave."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from logicnet.axon import AxonServer
from logicnet.axon import connection as http
from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError, Reason, SettingsError
from logicnet.events import Announced, Answered, HungUp, Refused
from logicnet.protocol import Challenge
from logicnet.solver.answering import Solution
from tests.harness.axon import RIVAL, SOLUTION, Room

pytestmark = pytest.mark.own_time  # a head of 0.05 s is late by its own fault, not by the machine's

PATIENCE_S = 60.0
"""For what should come at once, on a machine that has other things to do."""


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        assert self.headers["content-type"] == "application/json"
        return str(json.loads(self.body)["message"])


class Connection:
    """One TCP connection, and the bytes that go over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return Reply(int(status_line.split()[1]), headers, body)

    async def ended(self) -> bool:
        """Wait for the server to close; True if it said nothing more."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Served:
    """A room behind a socket."""

    def __init__(self, room: Room, port: int) -> None:
        self.room = room
        self.port = port
        self._connections: list[Connection] = []

    async def connect(self) -> Connection:
        connection = await Connection.to(self.port)
        self._connections.append(connection)
        return connection

    async def say(self, data: bytes) -> Reply:
        connection = await self.connect()
        connection.write(data)
        return await connection.reply()

    async def close(self) -> None:
        for connection in self._connections:
            connection.writer.transport.abort()

    @property
    def refusals(self) -> list[Reason]:
        return [event.reason for event in self.room.happened(Refused)]


def raw(
    headers: Mapping[str, str],
    body: bytes,
    *,
    path: str = "/LogicSynapse",
    method: str = "POST",
    extra: bytes = b"",
) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"{method} {path} HTTP/1.1\r\nhost: miner\r\ncontent-length: {len(body)}\r\n"
    return start.encode() + lines.encode() + extra + b"\r\n" + body


def served_by(room: Room, **options: Any) -> AxonServer:
    return AxonServer(room.app, host="127.0.0.1", port=0, **options)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    room = Room()
    async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
        served = Served(room, axon.port)
        yield served
        await served.close()


class TestRequests:
    async def test_challenges_are_answered_one_after_another_on_one_connection(self, served: Served) -> None:
        connection = await served.connect()
        for wire in ("classic", "btauth", "classic"):
            connection.write(raw(*served.room.request(wire)))
            reply = await connection.reply()
            assert reply.status == 200
            assert json.loads(reply.body)["logic_answer"] == "9"
        assert reply.headers == {
            "content-type": "application/json",
            "content-length": str(len(reply.body)),
            "bt_header_axon_status_code": "200",
        }

    async def test_requests_may_be_pipelined(self, served: Served) -> None:
        connection = await served.connect()
        connection.write(b"".join(raw(*served.room.request()) for _ in range(5)))
        assert [(await connection.reply()).status for _ in range(5)] == [200] * 5

    async def test_a_head_may_come_in_small_pieces(self, served: Served) -> None:
        connection = await served.connect()
        data = raw(*served.room.request())
        for i in range(0, len(data), 97):
            connection.write(data[i : i + 97])
            await asyncio.sleep(0)
        assert (await connection.reply()).status == 200

    async def test_a_large_head_may_come_with_a_large_body(self, served: Served) -> None:
        headers, body = served.room.request(fields={"logic_question": "x" * 200_000})
        connection = await served.connect()
        connection.write(raw(headers | {"cookie": "x" * 8000}, body))
        assert (await connection.reply()).status == 200

    async def test_a_chunked_body_is_read(self, served: Served) -> None:
        headers, body = served.room.request()
        head = raw(headers | {"transfer-encoding": "chunked"}, b"").replace(b"content-length: 0\r\n", b"")
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:50], body[50:]))
        assert (await served.say(head + chunks + b"0\r\n\r\n")).status == 200

    async def test_the_body_may_wait_for_100_continue(self, served: Served) -> None:
        headers, body = served.room.request()
        data = raw(headers | {"expect": "100-continue"}, body)
        connection = await served.connect()
        connection.write(data[: -len(body)])
        async with asyncio.timeout(PATIENCE_S):
            assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.write(body)
        assert (await connection.reply()).status == 200

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/LogicSynapse", 405),
            ("PUT", "/Information", 405),
            ("DELETE", "/LogicSynapse", 405),
            ("OPTIONS", "/LogicSynapse", 405),
            ("GET", "/", 404),
            ("POST", "/Nonsense", 404),
            ("POST", "/logicsynapse", 404),
            ("POST", "/LogicSynapse/", 404),
            ("POST", "//LogicSynapse", 404),
        ],
    )
    async def test_other_methods_and_paths_are_refused(
        self, served: Served, method: str, path: str, status: int
    ) -> None:
        reply = await served.say(raw({}, b"", method=method, path=path))
        assert reply.status == status
        assert reply.message

    async def test_head_gets_no_body(self, served: Served) -> None:
        connection = await served.connect()
        connection.write(raw({}, b"", method="HEAD"))
        async with asyncio.timeout(PATIENCE_S):
            assert (await connection.reader.read()).endswith(b"\r\n\r\n")

    async def test_an_upgrade_is_not_followed(self, served: Served) -> None:
        extra = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        assert (await served.say(raw({}, b"", method="GET", extra=extra))).status == 405


class TestBadInput:
    @pytest.mark.parametrize(
        "data",
        [
            b"hello\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),  # TLS
            b"POST /LogicSynapse HTTP/9.9\r\n\r\n",
            b"POST /LogicSynapse HTTP/1.1\r\nno colon\r\n\r\n",
            b"POST /LogicSynapse HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            b"POST /LogicSynapse HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
            b"POST /LogicSynapse HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
            bytes(100),
        ],
    )
    async def test_what_is_not_http_is_told_so_in_json(self, served: Served, data: bytes) -> None:
        connection = await served.connect()
        connection.write(data)
        reply = await connection.reply()
        assert reply.status == 400
        assert reply.message
        assert await connection.ended()
        assert served.refusals == [Reason.MALFORMED]

    @pytest.mark.parametrize(
        "extra",
        [
            b"x-long: " + b"x" * 20_000 + b"\r\n",
            b"".join(b"x-%d: y\r\n" % i for i in range(200)),
            b"x: y\r\n" * 20_000,
        ],
        ids=["a long line", "many lines", "many more"],
    )
    async def test_too_large_a_head_is_refused(self, served: Served, extra: bytes) -> None:
        reply = await served.say(raw(*served.room.request(), extra=extra))
        assert reply.status == 431
        assert "16 KiB" in reply.message
        assert served.refusals == [Reason.HEADERS_TOO_LARGE]
        assert served.room.solved == []

    @pytest.mark.parametrize(
        "start",
        [b"POST /", b"POST / HTTP/1.1\r\nx-", b"POST / HTTP/1.1\r\nx: "],
        ids=["request line", "header name", "header value"],
    )
    async def test_a_line_without_an_end_is_refused(self, served: Served, start: bytes) -> None:
        connection = await served.connect()
        connection.write(start)
        for _ in range(20):
            connection.write(b"a" * 1000)
            await asyncio.sleep(0)
        assert (await connection.reply()).status == 431

    async def test_a_hundred_megabytes_of_headers_do_no_harm(self, served: Served) -> None:
        connection = await served.connect()
        connection.write(b"POST /LogicSynapse HTTP/1.1\r\n")
        with suppress(ConnectionError):  # we are hung up on, or all of it is thrown away
            for _ in range(100):
                connection.write(b"x: " + b"y" * 1_000_000 + b"\r\n")
                await asyncio.wait_for(connection.writer.drain(), PATIENCE_S)
        assert served.refusals == [Reason.HEADERS_TOO_LARGE]
        assert (await served.say(raw(*served.room.request()))).status == 200

    @pytest.mark.parametrize("declared", [True, False])
    async def test_ten_megabytes_are_refused_and_the_caller_hears_it(
        self, served: Served, declared: bool
    ) -> None:
        headers, _ = served.room.request()
        body = b" " * 10_000_000
        data = raw(headers, body)
        if not declared:
            head = raw(headers | {"transfer-encoding": "chunked"}, b"")
            head = head.replace(b"content-length: 0\r\n", b"")
            data = head + b"".join(b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(150)) + b"0\r\n\r\n"
        reply = await served.say(data)
        assert reply.status == 413
        assert "256 KiB" in reply.message
        assert served.room.solved == []

    async def test_a_doubled_header_is_refused(self, served: Served) -> None:
        headers, body = served.room.request()
        nonce = headers["bt_header_dendrite_nonce"].encode()
        extra = b"Bt_Header_Dendrite_Nonce: " + nonce + b"\r\n"
        reply = await served.say(raw(headers, body, extra=extra))
        assert reply.status == 400
        assert "bt_header_dendrite_nonce" in reply.message

    async def test_a_header_that_is_not_utf8_is_refused(self, served: Served) -> None:
        headers, body = served.room.request()
        del headers["bt_header_dendrite_uuid"]
        reply = await served.say(raw(headers, body, extra=b"bt_header_dendrite_uuid: \xff\xfe\r\n"))
        assert reply.status == 400
        assert "bt_header_dendrite_uuid" in reply.message

    async def test_a_head_that_does_not_come_is_not_waited_for(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "HEAD_S", 0.05)
        for said in (b"", b"POST /LogicSynapse HTTP/1.1\r\nhost: miner\r\n"):
            connection = await served.connect()
            connection.write(said)
            reply = await connection.reply()
            assert reply.status == 408
            assert reply.message
            assert await connection.ended()

    async def test_trickling_a_head_does_not_help(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "HEAD_S", 0.1)
        connection = await served.connect()
        connection.write(raw(*served.room.request())[:50])
        assert (await connection.reply()).status == 408

        async def trickle() -> None:
            while True:
                slow.write(b"x")
                await asyncio.sleep(0.01)

        slow = await served.connect()
        slow.write(b"POST /LogicSynapse HTTP/1.1\r\nx: ")
        trickling = asyncio.create_task(trickle())
        assert (await slow.reply()).status == 408
        trickling.cancel()

    async def test_the_oldest_stranger_makes_room(self) -> None:
        solver = Waiting()
        room = Room(solve=solver)
        async with served_by(room, connections=3) as axon, asyncio.timeout(PATIENCE_S):
            asking = await Connection.to(axon.port)
            asking.write(raw(*room.request()))
            await solver.asked.wait()
            forged, body = room.request("btauth")
            stranger, waiting = await Connection.to(axon.port), await Connection.to(axon.port)
            stranger.write(raw(forged, body)[:-1])  # as a validator, whose hotkey is no secret
            newcomer = await Connection.to(axon.port)
            newcomer.write(raw(*room.request(synapse="Information"), path="/Information"))
            assert (await newcomer.reply()).status == 200
            with suppress(ConnectionResetError):
                assert await stranger.ended()
            solver.answer.set()
            assert (await asking.reply()).status == 200
            for connection in (asking, waiting, newcomer, stranger):
                connection.writer.transport.abort()

    async def test_a_registered_hotkey_that_may_not_ask_makes_room_too(self) -> None:
        room = Room()
        async with served_by(room, connections=2) as axon, asyncio.timeout(PATIENCE_S):
            rivals = [await Connection.to(axon.port) for _ in range(2)]
            for rival in rivals:
                rival.write(raw(*room.request(synapse="Information", keypair=RIVAL), path="/Information"))
                assert (await rival.reply()).status == 200
            validator = await Connection.to(axon.port)
            validator.write(raw(*room.request()))
            assert (await validator.reply()).status == 200
            with suppress(ConnectionResetError):
                assert await rivals[0].ended()
            for connection in (*rivals, validator):
                connection.writer.transport.abort()

    async def test_too_many_are_turned_away_and_far_too_many_dropped_without_a_word(self) -> None:
        room = Room()
        async with served_by(room, connections=1, turned_away=1) as axon:
            kept = await Connection.to(axon.port)
            kept.write(raw(*room.request()))
            assert (await kept.reply()).status == 200
            told = await Connection.to(axon.port)
            assert (await told.reply()).status == 503
            dropped = await Connection.to(axon.port)
            with suppress(ConnectionResetError):
                assert await dropped.ended()
            kept.write(raw(*room.request()))
            assert (await kept.reply()).status == 200
            for one in (kept, told, dropped):
                one.writer.transport.abort()

    async def test_one_validator_does_not_take_all_connections(self) -> None:
        room = Room()
        async with served_by(room, connections=16) as axon:
            own = [await Connection.to(axon.port) for _ in range(3)]
            for one in own:
                one.write(raw(*room.request()))
                assert (await one.reply()).status == 200
            with suppress(ConnectionResetError):
                assert await own[0].ended()  # the oldest idle one
            for one in own[1:]:
                one.write(raw(*room.request()))
                assert (await one.reply()).status == 200
            for one in own:
                one.writer.transport.abort()

    async def test_of_far_too_many_requests_ahead_the_first_are_answered(self, served: Served) -> None:
        """A stranger could have us parse and hold any number of them."""
        connection = await served.connect()
        many = [raw(*served.room.request()) for _ in range(http.REQUESTS_AHEAD)]
        connection.write(b"".join(many) + b"GET / HTTP/1.1\r\n\r\n" * 5000)
        for _ in many:
            assert (await connection.reply()).status == 200
        refused = await connection.reply()
        assert refused.status == 503
        assert f"{http.REQUESTS_AHEAD} requests" in refused.message
        assert await connection.ended()
        assert served.refusals == [Reason.FULL]

    async def test_what_a_stranger_asks_ahead_is_not_answered(self, served: Served) -> None:
        connection = await served.connect()
        connection.write(b"GET / HTTP/1.1\r\n\r\n" * 5000)
        assert (await connection.reply()).status == 404
        with suppress(ConnectionResetError):
            assert await connection.ended()
        assert served.refusals == [Reason.UNKNOWN_SYNAPSE]

    async def test_a_request_may_come_long_after_its_connection(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A validator that is busy with its own threads connects, and sends when it gets to it."""
        assert http.HEAD_S >= 20
        monkeypatch.setattr(http, "HEAD_S", 0.2)
        connection = await served.connect()
        await asyncio.sleep(0.9 * http.HEAD_S)
        connection.write(raw(*served.room.request()))
        assert (await connection.reply()).status == 200

    async def test_a_body_in_tiny_pieces_is_refused(self, served: Served) -> None:
        headers, _ = served.room.request("btauth")
        head = raw(headers | {"transfer-encoding": "chunked"}, b"").replace(b"content-length: 0\r\n", b"")
        reply = await served.say(head + b"1\r\nx\r\n" * 100_000)
        assert reply.status == 413
        assert "pieces" in reply.message

    async def test_an_empty_line_does_not_keep_a_connection(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "HEAD_S", 0.05)
        connection = await served.connect()
        connection.write(raw(*served.room.request()))
        assert (await connection.reply()).status == 200
        connection.write(b"\r\n")
        assert (await connection.reply()).status == 408
        assert await connection.ended()

    @pytest.mark.parametrize(
        ("extra", "size"), [(b"", 200_000), (b"connection: close\r\n", 40_000)], ids=["keep", "close"]
    )
    async def test_replies_that_nobody_reads_do_not_keep_a_connection(
        self, extra: bytes, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "UNREAD_S", 0.05)
        room = Room()
        async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
            assert axon._listener is not None
            for listening in axon._listener.sockets:  # what it accepts has the same small buffer
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", axon.port))
                deaf.setblocking(False)
                fields = {"request_dict": {"long": "x" * size}}
                asked = [room.request(synapse="Information", fields=fields) for _ in range(3)]
                data = b"".join(raw(*one, path="/Information", extra=extra) for one in asked)
                async with asyncio.timeout(PATIENCE_S):
                    with suppress(ConnectionError):
                        await asyncio.get_running_loop().sock_sendall(deaf, data)
                    while not room.happened(Announced) or axon.connections:
                        await asyncio.sleep(0.01)

    async def test_trailers_are_no_headers_and_end(self, served: Served) -> None:
        headers, body = served.room.request()
        head = raw(headers | {"transfer-encoding": "chunked"}, b"").replace(b"content-length: 0\r\n", b"")
        chunked = head + b"%x\r\n%s\r\n0\r\n" % (len(body), body)
        nonce = headers["bt_header_dendrite_nonce"].encode()
        trailer = b"bt_header_dendrite_nonce: " + nonce + b"\r\n"  # as a header it would be doubled
        assert (await served.say(chunked + trailer + b"\r\n")).status == 200

        connection = await served.connect()
        connection.write(chunked + b"x: y\r\n" * 10_000)
        assert (await connection.reply()).status == 413
        assert await connection.ended()
        assert (await served.say(raw(*served.room.request()))).status == 200

    async def test_an_idle_connection_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "IDLE_S", 0)
        room = Room()
        async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
            connection = await Connection.to(axon.port)
            connection.write(raw(*room.request()))
            assert (await connection.reply()).status == 200
            with suppress(ConnectionResetError):
                assert await connection.ended()
            connection.writer.transport.abort()

    async def test_a_next_request_may_trickle_while_the_answer_is_on_its_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "HEAD_S", 0.05)
        answering = asyncio.Event()

        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            await asyncio.sleep(0.2)
            answering.set()
            return SOLUTION

        room = Room(solve=solve)
        async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
            connection = await Connection.to(axon.port)
            connection.write(raw(*room.request()) + b"POST /Logic")
            assert (await connection.reply()).status == 200
            assert (await connection.reply()).status == 408
            await connection.close()


class Waiting:
    """A solver that answers when told to, and notes when it is cancelled."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, challenge: Challenge, deadline: Deadline) -> Solution:
        self.asked.set()
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return SOLUTION


class TestHangingUp:
    @pytest.mark.parametrize("how", ["close", "abort"])
    async def test_hanging_up_cancels_the_solver(self, how: str) -> None:
        solver = Waiting()
        room = Room(solve=solver)
        async with AxonServer(room.app, host="127.0.0.1", port=0) as axon:
            connection = await Connection.to(axon.port)
            connection.write(raw(*room.request()))
            async with asyncio.timeout(PATIENCE_S):
                await solver.asked.wait()
                if how == "close":
                    connection.writer.close()
                else:
                    connection.writer.transport.abort()
                await solver.cancelled.wait()
        assert len(room.happened(HungUp)) == 1
        assert room.happened(Answered) == []


class TestStopping:
    async def test_what_is_in_flight_is_finished_and_nothing_new_is_taken(self) -> None:
        solver = Waiting()
        room = Room(solve=solver)
        axon = AxonServer(room.app, host="127.0.0.1", port=0)
        await axon.start()
        connection, idle = await Connection.to(axon.port), await Connection.to(axon.port)
        connection.write(raw(*room.request()))
        async with asyncio.timeout(PATIENCE_S):
            await solver.asked.wait()
            stopping = asyncio.create_task(axon.stop())
            assert await idle.ended()
            with pytest.raises(ConnectionRefusedError):
                await Connection.to(axon.port)
            assert not stopping.done()
            solver.answer.set()
            reply = await connection.reply()
            await stopping
        assert reply.status == 200
        assert reply.headers["connection"] == "close"
        assert await connection.ended()
        await connection.close()
        await idle.close()

    async def test_what_does_not_end_is_cancelled(self) -> None:
        solver = Waiting()
        room = Room(solve=solver)
        axon = AxonServer(room.app, host="127.0.0.1", port=0, drain_s=0.05)
        await axon.start()
        connection = await Connection.to(axon.port)
        connection.write(raw(*room.request()))
        async with asyncio.timeout(PATIENCE_S):
            await solver.asked.wait()
            await axon.stop()
            await solver.cancelled.wait()
        connection.writer.transport.abort()

    async def test_stopping_twice_or_before_the_start_is_nothing(self) -> None:
        axon = AxonServer(Room().app, host="127.0.0.1", port=0)
        await axon.stop()
        async with axon:
            pass
        await axon.stop()


class TestAddress:
    async def test_port_0_is_any_free_port(self) -> None:
        async with (
            AxonServer(Room().app, host="127.0.0.1", port=0) as one,
            AxonServer(Room().app, host="127.0.0.1", port=0) as other,
        ):
            assert 0 not in (one.port, other.port)
            assert one.port != other.port

    async def test_a_port_in_use_is_one_line(self) -> None:
        async with AxonServer(Room().app, host="127.0.0.1", port=0) as axon:
            with pytest.raises(LogicnetError) as error:
                await AxonServer(Room().app, host="127.0.0.1", port=axon.port).start()
        assert not isinstance(error.value, SettingsError)  # trying again may mend it
        assert str(error.value) == (
            f"cannot listen on 127.0.0.1 port {axon.port}: another program uses it; "
            "stop it, or choose another --axon.port"
        )

    async def test_an_address_that_is_not_ours_is_one_line(self) -> None:
        with pytest.raises(SettingsError) as error:
            await AxonServer(Room().app, host="192.0.2.1", port=0).start()
        assert "--axon.host" in str(error.value)
        assert "\n" not in str(error.value)
