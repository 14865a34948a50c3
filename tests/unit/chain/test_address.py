import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from logicnet.chain import AxonAddress
from logicnet.chain.address import FRESH_S, SERVICES, ExternalAddress
from logicnet.errors import ChainError
from tests.harness.manual_time import ManualTime

FIND_S = 60.0
HANGS = None


class Service:
    """A web server that says `text` with `status` to everybody, or nothing at all (HANGS)."""

    def __init__(self, text: str | None, status: int = 200) -> None:
        self.text, self.status, self.asked = text, status, 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            if self.text is HANGS:
                await reader.read()
            else:
                head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.text)}\r\n\r\n"
                writer.write((head + self.text).encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def running(*services: Service) -> AsyncIterator[list[str]]:
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for service in services:
            server = await asyncio.start_server(service, "127.0.0.1", 0)
            await stack.enter_async_context(server)
            urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        yield urls


async def found(*services: Service, find_s: float = FIND_S) -> AxonAddress:
    async with running(*services) as urls:
        return await ExternalAddress(ip=None, port=8091, services=urls, find_s=find_s).find()


async def test_an_address_that_the_operator_named_is_taken_and_nobody_asked(said: list[str]) -> None:
    service = Service("9.9.9.9")
    async with running(service) as urls:
        address = ExternalAddress(ip="2001:4860:0:0::8888", port=9000, services=urls)
        assert await address.find() == AxonAddress("2001:4860::8888", 9000)
    assert service.asked == 0
    assert said == []


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.7", "192.168.1.2", "0.0.0.0"])
def test_a_named_address_that_is_not_of_the_internet_is_warned_of(ip: str, said: list[str]) -> None:
    ExternalAddress(ip=ip, port=1)
    assert len(said) == 1
    assert f"WARNING --axon.external_ip {ip} is not a public address" in said[0]


async def test_two_services_that_agree_are_believed_and_the_rest_not_waited_for() -> None:
    assert await found(Service("1.2.3.4\n"), Service(HANGS), Service(" 1.2.3.4"), find_s=60.0) == AxonAddress(
        "1.2.3.4", 8091
    )


async def test_one_that_lies_is_outvoted() -> None:
    assert (await found(Service("6.6.6.6"), Service("1.2.3.4"), Service("1.2.3.4"))).ip == "1.2.3.4"


async def test_the_only_one_that_answers_is_believed() -> None:
    broken = [Service(HANGS), Service("1.2.3.4", status=500), Service("<html>"), Service("192.168.1.1")]
    for find_s in (1.0, 8.0, 64.0):  # all of it is waited for the one that hangs
        with contextlib.suppress(ChainError):  # the machine was too busy to ask any within that
            assert (await found(*broken, Service("9.9.9.9"), find_s=find_s)).ip == "9.9.9.9"
            return
    raise AssertionError("nobody was believed")


async def test_a_flood_is_not_read() -> None:
    assert (await found(Service("1" * 3_000_000), Service("9.9.9.9"))).ip == "9.9.9.9"


@pytest.mark.parametrize(
    "services",
    [[Service(HANGS)], [Service("1.2.3.4"), Service("6.6.6.6")], [Service("")], []],
    ids=["hangs", "disagree", "empty", "none"],
)
async def test_no_address_names_the_flag_that_gives_it(services: list[Service]) -> None:
    # Of two that disagree both must be heard, however slow the machine is.
    patience_s = FIND_S if len(services) > 1 else 0.3
    with pytest.raises(ChainError, match=r"set --axon\.external_ip"):
        await found(*services, find_s=patience_s)


async def test_a_service_that_is_not_there_is_no_hindrance() -> None:
    async with running(Service("")) as closed:
        pass
    async with running(Service("9.9.9.9")) as urls:
        address = ExternalAddress(ip=None, port=1, services=[*closed, *urls], find_s=FIND_S)
        assert (await address.find()).ip == "9.9.9.9"


async def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await found(Service("9.9.9.9"))).ip == "9.9.9.9"


async def test_an_address_is_asked_for_again_after_an_hour(time: ManualTime) -> None:
    service = Service("1.2.3.4")
    async with running(service) as urls:
        address = ExternalAddress(ip=None, port=1, services=urls, find_s=FIND_S, clock=time.clock)
        await address.find()
        time.now_s += FRESH_S - 1
        await address.find()
        assert service.asked == 1
        service.text = "9.9.9.9"
        time.now_s += 2
        assert (await address.find()).ip == "9.9.9.9"


def test_services_are_several_and_asked_over_tls() -> None:
    assert len(SERVICES) >= 3 and all(url.startswith("https://") for url in SERVICES)
