"""SubtensorChain: the real chain, through the client of bittensor 11.

The library is trusted with nothing but answers. Each call has one time limit, connecting included;
after any failure the whole connection is thrown away (see `LoopThread`) and the next call opens a
fresh one at the next endpoint of the network, because an open socket that answers nothing is the
usual way for a chain to go away. What the library raises, whatever it is, becomes a ChainError of
one line. `bittensor` is imported by the first call, on the other thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from logicnet.chain._types import AxonAddress, AxonRefused, Metagraph, Neuron, Why
from logicnet.chain.loop_thread import LoopThread
from logicnet.chain.survey import RankedNeuron, Survey
from logicnet.deadline import Clock
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid

if TYPE_CHECKING:
    from bittensor import Client, Signer, Substrate
    from bittensor import Metagraph as BittensorMetagraph
    from bittensor import MetagraphNeuron as BittensorNeuron

T = TypeVar("T")
OpenSubstrate = Callable[[Sequence[str]], "Substrate"]
"""Endpoints, the one to try first in front -> the library's way to the chain, not yet connected."""

_LONGEST_MESSAGE = 300  # characters of a foreign error that are worth a line
_STOP_S = 0.3  # what a connection gets to end in when we leave
_IMMUNITY = ("SubtensorModule", "ImmunityPeriod")  # blocks, of each subnet
_REFUSALS = {
    "ServingRateLimitExceeded": Why.TOO_SOON,
    "InvalidIpAddress": Why.BAD_ADDRESS,
    "InvalidIpType": Why.BAD_ADDRESS,
    "InvalidPort": Why.BAD_ADDRESS,
    "HotKeyNotRegisteredInNetwork": Why.NOT_REGISTERED,
    "HotKeyNotRegisteredInSubNet": Why.NOT_REGISTERED,
}
"""The names of the runtime's errors, as `serve_axon` gave them on a real one."""


class SubtensorChain:
    """One subnet of one network, seen by one hotkey. Connects when first asked.

    `network` is a name that bittensor knows, or a ws:// or wss:// address.
    `signer` signs what is published: a keypair, `bittensor.sp_core.Keypair` or alike.
    """

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
        self._connection: _Connection | None = None
        self._failures = 0
        self._name = f"The chain at {where(network)}"

    async def metagraph(self) -> Metagraph:
        """Every neuron of the subnet at the chain's head. Raises ChainError."""

        async def read(client: Client) -> Metagraph:
            found = await self._found(client)
            neurons = [_neuron(neuron) for neuron in found.neurons]
            return Metagraph.of(neurons, block=found.block, fetched_at_s=self._clock())

        return await self._call(read)

    async def survey(self) -> Survey:
        """The subnet at the chain's head, with what decides who keeps a place. Raises ChainError."""

        async def read(client: Client) -> Survey:
            found = await self._found(client)
            block_at = await client.timestamp(block=found.block)
            read_at_s = time.time()
            return Survey(
                tuple(_seat(neuron) for neuron in found.neurons),
                block=found.block,
                block_at_s=block_at.timestamp(),
                read_at_s=read_at_s,
                block_s=await client.block_time(),
                runtime=await client.spec_version(),
                places=found.max_uids,
                immunity=int(await client.query(_IMMUNITY, [self._netuid]) or 0),
                owner=Hotkey(found.owner_hotkey),
            )

        return await self._call(read)

    async def _found(self, client: Client) -> BittensorMetagraph:
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
            import bittensor  # noqa: PLC0415 (imported by now: `client` is here)

            intent = bittensor.ServeAxon(netuid=self._netuid, ip=address.ip, port=address.port)
            result = await client.execute(intent, self._signer, wait_for_finalization=False)
            if not result.success:
                name = result.error.name if result.error else None
                raise AxonRefused(
                    _REFUSALS.get(name or "", Why.OTHER), _one_line(result.message or name or "no reason")
                )

        await self._call(publish)

    async def close(self) -> None:
        """Drop the connection, whatever it is doing. Takes 0.3 s at most."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.thread.stop()
            await connection.thread.ended(_STOP_S)

    async def _call(self, work: Callable[[Client], Awaitable[T]]) -> T:
        if self._connection is None:
            self._connection = _Connection(self._network, self._open_substrate, skip=self._failures)
        connection = self._connection
        try:
            return await connection.call(work, self._timeout_s)
        except AxonRefused:
            raise  # an answer: the connection is sound
        except TimeoutError as error:
            self._drop(connection)
            raise ChainError(f"{self._name} did not answer within {self._timeout_s:g} s.") from error
        except ChainError:
            self._drop(connection)
            raise
        except Exception as error:  # the one boundary: a broken node makes the library raise anything
            self._drop(connection)
            said = _one_line(str(error)).replace(self._network, self._name) or type(error).__name__
            raise ChainError(f"{self._name} failed: {said.rstrip('.')}.") from error

    def _drop(self, connection: _Connection) -> None:
        connection.thread.stop()
        if connection is self._connection:
            self._connection = None
            self._failures += 1


class _Connection:
    """One client and the thread that it lives on; used once, until the first failure."""

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
                import bittensor  # noqa: PLC0415 (half a second that the miner's start does not have)

                # The substrate is connected, not the client: that would also fetch every subnet's
                # token symbol and write them to a file in the operator's home.
                substrate = self._open_substrate(_endpoints(self._network, self._skip))
                client = bittensor.Client(self._network, substrate=substrate)
                await substrate.connect()
                self._client = client
            return self._client


def _endpoints(network: str, skip: int) -> Sequence[str]:
    """The network's endpoints, turned by `skip`, so that a dead one is not asked twice in a row."""
    from bittensor.settings import default_fallback_endpoints, resolve_endpoint  # noqa: PLC0415

    label, endpoint = resolve_endpoint(network)
    pool = [endpoint, *default_fallback_endpoints(label)]
    turn = skip % len(pool)
    return pool[turn:] + pool[:turn]


def _open_rpc(endpoints: Sequence[str]) -> Substrate:
    import bittensor  # noqa: PLC0415

    return bittensor.RpcSubstrate(endpoints[0], fallback_endpoints=list(endpoints[1:]))


def _neuron(neuron: BittensorNeuron) -> Neuron:
    return Neuron(
        uid=Uid(neuron.uid),
        hotkey=Hotkey(neuron.hotkey),
        stake=neuron.total_stake.amount,
        validator_permit=neuron.validator_permit,
        incentive=neuron.incentive,
        axon=_axon(neuron.axon),
    )


def _seat(neuron: BittensorNeuron) -> RankedNeuron:
    return RankedNeuron(
        _neuron(neuron),
        registered_at=neuron.block_at_registration,
        last_update=neuron.last_update,
        emission=neuron.emission.amount,
        active=neuron.active,
    )


def _axon(served: str | None) -> AxonAddress | None:
    """`1.2.3.4:8091` or `[2001:db8::1]:8091`, as the library writes it. A withdrawn one is None."""
    if served is None:
        return None
    host, _, port = served.rpartition(":")
    return AxonAddress(str(ipaddress.ip_address(host.strip("[]"))), int(port))


def where(network: str) -> str:
    """A name as it is. Of an address only scheme, host and port: the rest may hold a key."""
    scheme, found, rest = network.partition("://")
    return f"{scheme}://{urlsplit(f'//{rest}').netloc.rpartition('@')[2]}" if found else network


def _one_line(text: Any) -> str:
    """Foreign text, fit for one line of a log."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    return " ".join(printable.split())[:_LONGEST_MESSAGE]
