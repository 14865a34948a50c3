"""SubtensorChain: the real chain, through the client of bittensor 11.

Each call has one time limit, connecting included. After any failure the connection is dropped (see
`LoopThread`), and the next call connects to the next endpoint of the network: chains usually fail as an
open socket that no longer answers. Every exception of the library becomes a ChainError of one line.
`bittensor` is imported by the first call, on the other thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from logicnet._util.text import one_line
from logicnet.chain._types import (
    AxonAddress,
    AxonRefused,
    Metagraph,
    Neuron,
    RankedNeuron,
    SubnetSnapshot,
    Why,
)
from logicnet.chain.loop_thread import LoopThread
from logicnet.deadline import Clock
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid

if TYPE_CHECKING:
    from bittensor import Client, Signer, Substrate
    from bittensor import Metagraph as BittensorMetagraph
    from bittensor import MetagraphNeuron as BittensorNeuron

T = TypeVar("T")
OpenSubstrate = Callable[[Sequence[str]], "Substrate"]
"""Endpoints, the preferred one first -> an unconnected `Substrate`."""

_LONGEST_NAME = 40
_LONGEST_MESSAGE = 300  # characters of a foreign error message that are kept
_STOP_S = 0.3  # for a connection to end
_IMMUNITY = ("SubtensorModule", "ImmunityPeriod")  # blocks, of each subnet
_REFUSALS = {
    "ServingRateLimitExceeded": Why.TOO_SOON,
    "InvalidIpAddress": Why.BAD_ADDRESS,
    "InvalidIpType": Why.BAD_ADDRESS,
    "InvalidPort": Why.BAD_ADDRESS,
    "HotKeyNotRegisteredInNetwork": Why.NOT_REGISTERED,
    "HotKeyNotRegisteredInSubNet": Why.NOT_REGISTERED,
}
"""Names of the runtime's errors, as seen from `serve_axon` on a real node."""


class SubtensorChain:
    """One subnet of one network. Connects with the first call.

    `network` is a name that bittensor knows, or a ws:// or wss:// address. `signer` signs `serve_axon`.
    """

    answers: tuple[type[ChainError], ...] = (AxonRefused,)
    """Errors after which the connection is good: the chain said no."""

    def __init__(
        self,
        *,
        network: str,
        netuid: int,
        signer: Signer,
        timeout_s: float,
        open_substrate: OpenSubstrate | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._network = network
        self._netuid = netuid
        self._signer = signer
        self._timeout_s = timeout_s
        self._open_substrate = open_substrate or _open_rpc
        self._clock = clock
        self._connection: _ChainConnection | None = None
        self._failures = 0
        self._name = f"The chain at {where(network)}"

    async def metagraph(self) -> Metagraph:
        """Every neuron of the subnet at the chain's head. Raises ChainError."""

        async def read(client: Client) -> Metagraph:
            found = await self._subnet(client)
            subnet = _snapshot(found)
            return Metagraph(tuple(one.neuron for one in subnet.neurons), found.block, self._clock(), subnet)

        return await self._call(read)

    async def snapshot(self) -> SubnetSnapshot:
        """The subnet at the chain's head, with what decides which neurons are replaced. Raises ChainError."""

        async def read(client: Client) -> SubnetSnapshot:
            found = await self._subnet(client)
            return replace(
                _snapshot(found),
                block_at_s=(await client.timestamp(block=found.block)).timestamp(),
                read_at_s=time.time(),
                block_s=await client.block_time(),
                runtime=await client.spec_version(),
                immunity_period=int(await client.query(_IMMUNITY, [self._netuid]) or 0),
            )

        return await self._call(read)

    async def _subnet(self, client: Client) -> BittensorMetagraph:
        found = await client.subnets.metagraph(self._netuid, commitments=False)
        if found is None:
            raise ChainError(
                f"{self._name} has no subnet {self._netuid}: check --netuid and --subtensor.network."
            )
        if not found.neurons:
            raise ChainError(f"{self._name} shows subnet {self._netuid} without a single neuron.")
        return found

    async def serve_axon(self, address: AxonAddress) -> None:
        """Publish `address`, and wait until a block holds it. Raises AxonRefused, ChainError."""

        async def publish(client: Client) -> None:
            import bittensor  # noqa: PLC0415 (slow to import)

            intent = bittensor.ServeAxon(netuid=self._netuid, ip=address.ip, port=address.port)
            result = await client.execute(intent, self._signer, wait_for_finalization=False)
            if not result.success:
                name = result.error.name if result.error else None
                raise AxonRefused(
                    _REFUSALS.get(name or "", Why.OTHER),
                    one_line(str(result.message or name or "no reason"), _LONGEST_MESSAGE),
                )

        await self._call(publish)

    async def close(self) -> None:
        """Drop the connection, in at most 0.3 s."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.thread.stop()
            await connection.thread.ended(_STOP_S)

    async def _call(self, work: Callable[[Client], Awaitable[T]]) -> T:
        if self._connection is None:
            self._connection = _ChainConnection(self._network, self._open_substrate, skip=self._failures)
        connection = self._connection
        try:
            return await connection.call(work, self._timeout_s)
        except self.answers:
            raise
        except TimeoutError as error:
            self._drop(connection)
            raise ChainError(f"{self._name} did not answer within {self._timeout_s:g} s.") from error
        except ChainError:
            self._drop(connection)
            raise
        except Exception as error:  # the boundary: a broken node makes the library raise anything
            self._drop(connection)
            said = (
                one_line(str(error), _LONGEST_MESSAGE).replace(self._network, self._name)
                or type(error).__name__
            )
            raise ChainError(f"{self._name} failed: {said.rstrip('.')}.") from error

    def _drop(self, connection: _ChainConnection) -> None:
        connection.thread.stop()
        if connection is self._connection:
            self._connection = None
            self._failures += 1


class _ChainConnection:
    """One client and its thread, until the first failure."""

    def __init__(self, network: str, open_substrate: OpenSubstrate, skip: int) -> None:
        self.thread = LoopThread("chain")
        self._network = network
        self._open_substrate = open_substrate
        self._skip = skip
        self._client: Client | None = None  # this and the lock belong to the thread
        self._opening = asyncio.Lock()

    async def call(self, work: Callable[[Client], Awaitable[T]], timeout_s: float) -> T:
        async def connect_and_work() -> T:
            return await work(await self._connected())

        return await self.thread.run(connect_and_work, timeout_s)

    async def _connected(self) -> Client:
        async with self._opening:
            if self._client is None:
                import bittensor  # noqa: PLC0415 (half a second)

                # Connecting the client would also fetch every subnet's token symbol, into a file at home.
                substrate = self._open_substrate(_endpoints(self._network, self._skip))
                client = bittensor.Client(self._network, substrate=substrate)
                await substrate.connect()
                self._client = client
            return self._client


def _endpoints(network: str, skip: int) -> Sequence[str]:
    """The network's endpoints, rotated by `skip`, so that a dead one is not asked twice in a row."""
    from bittensor.settings import default_fallback_endpoints, resolve_endpoint  # noqa: PLC0415

    label, endpoint = resolve_endpoint(network)
    pool = [endpoint, *default_fallback_endpoints(label)]
    turn = skip % len(pool)
    return pool[turn:] + pool[:turn]


def _open_rpc(endpoints: Sequence[str]) -> Substrate:
    import bittensor  # noqa: PLC0415

    return bittensor.RpcSubstrate(endpoints[0], fallback_endpoints=list(endpoints[1:]))


def _snapshot(found: BittensorMetagraph) -> SubnetSnapshot:
    """What one read of the metagraph tells of the subnet."""
    return SubnetSnapshot(
        tuple(map(_ranked, found.neurons)),
        block=found.block,
        max_uids=found.max_uids,
        immunity_period=int(found.raw.get("immunity_period") or 0),
        owner=Hotkey(found.owner_hotkey),
        name=one_line(found.name, _LONGEST_NAME),
        tempo=found.tempo,
        price=found.price,
        burn=_tao(found.raw.get("burn")),
    )


def _neuron(neuron: BittensorNeuron) -> Neuron:
    return Neuron(
        uid=Uid(neuron.uid),
        hotkey=Hotkey(neuron.hotkey),
        stake=neuron.total_stake.amount,
        validator_permit=neuron.validator_permit,
        incentive=neuron.incentive,
        axon=_axon(neuron.axon),
    )


def _ranked(neuron: BittensorNeuron) -> RankedNeuron:
    return RankedNeuron(
        _neuron(neuron),
        registered_at=neuron.block_at_registration,
        last_update=neuron.last_update,
        emission=neuron.emission.amount,
        active=neuron.active,
    )


def _tao(rao: Any) -> float | None:
    return rao / 1e9 if isinstance(rao, int) else None


def _axon(served: str | None) -> AxonAddress | None:
    """From `1.2.3.4:8091` or `[2001:db8::1]:8091`; None for a withdrawn axon."""
    if served is None:
        return None
    host, _, port = served.rpartition(":")
    return AxonAddress(str(ipaddress.ip_address(host.strip("[]"))), int(port))


def where(network: str) -> str:
    """A name unchanged; of an address only scheme, host and port, as the rest may hold a key."""
    scheme, found, rest = network.partition("://")
    return f"{scheme}://{urlsplit(f'//{rest}').netloc.rpartition('@')[2]}" if found else network
