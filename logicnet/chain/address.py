"""ExternalAddress: the address that the operator set, or the one that public services report.

bittensor 11 has no helper for this. A wrong report (a lying service, a proxy in between) would publish
an address that is not ours, so two services must agree, unless only one answers.
"""

import asyncio
import ipaddress
import time
from collections.abc import Sequence

from loguru import logger

from logicnet.chain._types import AxonAddress
from logicnet.chain.loop_thread import LoopThread
from logicnet.deadline import Clock
from logicnet.errors import ChainError

SERVICES = (
    "https://checkip.amazonaws.com",
    "https://api.ipify.org",
    "https://ipv4.icanhazip.com",
    "https://ifconfig.me/ip",
)
"""Each answers a GET with the caller's IPv4 address as plain text (by their documentation)."""

FIND_S = 10.0  # for all services together
FRESH_S = 3600.0  # a dynamic address changes now and then; hourly is often enough
_LONGEST_REPLY = 64  # characters; the longest IPv6 address has 45 characters


class ExternalAddress:
    """`find()` returns `ip` and `port`, with the IP that `services` report if `ip` is None."""

    def __init__(
        self,
        *,
        ip: str | None,
        port: int,
        services: Sequence[str] = SERVICES,
        find_s: float = FIND_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self._port = port
        self._services = services
        self._find_s = find_s
        self._clock = clock
        self._found: AxonAddress | None = None
        self._found_at_s = 0.0
        self._fixed = ip is not None
        if ip is not None:
            address = ipaddress.ip_address(ip)
            self._found = AxonAddress(str(address), port)
            if not address.is_global:
                logger.warning(
                    "--axon.external_ip {} is not a public address: validators elsewhere cannot reach it.",
                    address,
                )

    async def find(self) -> AxonAddress:
        """The address; the services are asked again hourly. Raises ChainError."""
        if self._found and (self._fixed or self._clock() - self._found_at_s < FRESH_S):
            return self._found
        self._found = AxonAddress(await self._ask(), self._port)
        self._found_at_s = self._clock()
        return self._found

    async def _ask(self) -> str:
        thread = LoopThread("external-address")  # DNS and TLS stay off the miner's loop
        try:
            ip = await thread.run(lambda: _agreed(self._services, self._find_s), 2 * self._find_s)
        except (TimeoutError, OSError):
            ip = None
        finally:
            thread.stop()
        if ip is None:
            raise ChainError("The external address of this machine was not found: set --axon.external_ip.")
        return ip


async def _agreed(services: Sequence[str], within_s: float) -> str | None:
    """The first address that two services report; after `within_s`, the only one reported."""
    import httpx2  # noqa: PLC0415 (slow to import, rarely needed)

    seen: list[str] = []
    # No proxy: the address of one is not where we listen.
    async with httpx2.AsyncClient(timeout=within_s, trust_env=False) as client:

        async def ask(url: str) -> str | None:
            try:
                async with client.stream("GET", url) as reply:
                    async for text in reply.aiter_text(_LONGEST_REPLY):
                        return _global(text.strip()) if reply.is_success else None
            except httpx2.HTTPError:
                pass
            return None

        asked = [asyncio.ensure_future(ask(url)) for url in services]
        try:
            for reply in asyncio.as_completed(asked, timeout=within_s):
                ip = await reply
                if ip is not None and ip in seen:
                    return ip
                if ip is not None:
                    seen.append(ip)
        except TimeoutError:
            pass
        finally:
            for task in asked:
                task.cancel()
    return seen[0] if len(seen) == 1 else None


def _global(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(address) if address.is_global else None
