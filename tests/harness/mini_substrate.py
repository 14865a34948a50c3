"""A chain in memory that the real bittensor 11 client runs on, and that fails when told to.

`MiniChain` is the state of one subnet; `open(endpoints)` gives one connection to it, with the
methods of `bittensor.Substrate` that a miner's calls reach. Values have the runtime's own units:
scores u16, stakes rao, an IP address as an integer. A connection that was hung stays hung, as a
half-open socket does; only one opened after `come_back()` works.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bittensor import Balance, ChainError, ExtrinsicResult, RpcConnectionError, sp_core

BLOCKS_BETWEEN_AXONS = 50  # the runtime's default ServingRateLimit

DOCS = {
    "ServingRateLimitExceeded": "An axon or prometheus serving exceeded the rate limit.",
    "HotKeyNotRegisteredInNetwork": "The hotkey is not registered in any subnet.",
    "InvalidIpAddress": "An invalid IP address is passed to the serve function.",
}


@dataclass
class MiniNeuron:
    hotkey: str
    stake_rao: int = 0
    permit: bool = False
    incentive: int = 0  # u16
    axon: dict[str, int] = field(default_factory=lambda: {"block": 0, "ip": 0, "port": 0, "ip_type": 4})
    registered_at: int = 0  # block
    last_update: int = 0  # block
    emission_rao: int = 0
    active: bool = False


class _Call(NamedTuple):
    function: str
    params: dict[str, Any]
    data: bytes


class MiniChain:
    """The state, the switches (`go_away`, `hang`, `come_back`) and the record of what was asked."""

    def __init__(self, netuid: int = 35) -> None:
        self.netuid = netuid
        self.block = 1000
        self.ahead_s = 0.0  # of the block's time before ours
        self.places = 256
        self.immunity = 0  # blocks
        self.burn_rao = 0  # for a registration
        self.pool_rao = (0, 0)  # TAO and alpha of the subnet's pool
        self.neurons: list[MiniNeuron] = []
        self.error: Exception | None = None
        self.hung = False
        self.hanging = 0  # calls that were made and never return
        self.generation = 0  # connections opened before the last hang are of an older one
        self.opened: list[Sequence[str]] = []
        self.reads = 0
        self.served: list[tuple[str, int]] = []  # what serve_axon asked for, taken or not

    def add(self, hotkey: str, **fields: Any) -> MiniNeuron:
        self.neurons.append(MiniNeuron(hotkey, **fields))
        return self.neurons[-1]

    def neuron(self, hotkey: str) -> MiniNeuron | None:
        return next((n for n in self.neurons if n.hotkey == hotkey), None)

    def go_away(self, error: Exception | None = None) -> None:
        """From now on each call raises `error`, by default as a connection that cannot be made."""
        self.error = error or RpcConnectionError("could not connect to any endpoint")

    def hang(self) -> None:
        """From now on no call returns, on any connection there is or is made."""
        self.hung = True
        self.generation += 1

    def come_back(self) -> None:
        """New connections work. One that was hung does not."""
        self.error, self.hung = None, False

    def open(self, endpoints: Sequence[str]) -> MiniSubstrate:
        self.opened.append(endpoints)
        return MiniSubstrate(self)

    def metagraph(self) -> dict[str, Any]:
        """One column per field, as the runtime's `get_metagraph` gives them."""
        columns: dict[str, Any] = {
            "hotkeys": [n.hotkey for n in self.neurons],
            "coldkeys": [n.hotkey for n in self.neurons],
            "validator_permit": [n.permit for n in self.neurons],
            "incentives": [n.incentive for n in self.neurons],
            "total_stake": [n.stake_rao for n in self.neurons],
            "axons": [n.axon for n in self.neurons],
            "active": [n.active for n in self.neurons],
            "block_at_registration": [n.registered_at for n in self.neurons],
            "last_update": [n.last_update for n in self.neurons],
            "emission": [n.emission_rao for n in self.neurons],
            "max_uids": self.places,
            "burn": self.burn_rao,
            "tao_in": self.pool_rao[0],
            "alpha_in": self.pool_rao[1],
        }
        head = {"netuid": self.netuid, "block": self.block, "tempo": 360, "last_step": self.block - 10}
        rest = {"blocks_since_last_step": 10, "owner_hotkey": "", "owner_coldkey": "", "symbol": "ℵ"}
        return {**head, **rest, "network_registered_at": 1, "name": list(b"LogicNet"), **columns}

    def serve_axon(self, signer: str, params: dict[str, Any]) -> str | None:
        """The runtime's checks, in its order; the name of the error, or None."""
        address = ipaddress.ip_address(params["ip"])
        self.served.append((str(address), params["port"]))
        neuron = self.neuron(signer)
        if neuron is None or params["netuid"] != self.netuid:
            return "HotKeyNotRegisteredInNetwork"
        if address.is_loopback or address.is_unspecified:
            return "InvalidIpAddress"
        if neuron.axon["block"] and self.block - neuron.axon["block"] < BLOCKS_BETWEEN_AXONS:
            return "ServingRateLimitExceeded"
        neuron.axon = {key: params[key] for key in ("ip", "port", "ip_type")} | {"block": self.block}
        return None


class MiniSubstrate:
    """One connection to a MiniChain: `bittensor.Substrate`, as far as a miner goes."""

    def __init__(self, chain: MiniChain) -> None:
        self.chain = chain
        self.generation = chain.generation
        self.token_symbols: dict[int, str] = {}

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.chain.hung or self.generation != self.chain.generation:
            self.chain.hanging += 1
            await asyncio.get_running_loop().create_future()
        if self.chain.error is not None:
            raise self.chain.error

    async def connect(self) -> None:
        await self._answer()

    async def close(self) -> None:
        pass

    def balance(self, rao: int, netuid: int = 0) -> Balance:
        return Balance(int(rao), netuid)

    async def block_number(self) -> int:
        await self._answer()
        return self.chain.block

    async def block_hash(self, block: int | None = None) -> str:
        await self._answer()
        return f"0x{self.chain.block if block is None else block:064x}"

    async def block_time(self) -> float:
        return 12.0

    async def spec_version(self) -> int:
        await self._answer()
        return 440

    async def query(
        self, pallet: str, item: str, params: list[Any] | None = None, block_hash: str | None = None
    ) -> Any:
        await self._answer()
        if (pallet, item) == ("Timestamp", "Now"):
            return int(1000 * (time.time() + self.chain.ahead_s))
        if (pallet, item) == ("SubtensorModule", "ImmunityPeriod"):
            return self.chain.immunity
        raise LookupError(f"this chain has no {pallet}.{item}")

    async def runtime_call(
        self, api: str, method: str, params: list[Any], block_hash: str | None = None
    ) -> Any:
        await self._answer()
        if method != "get_metagraph":
            raise LookupError(f"this chain has no {api}.{method}")
        self.chain.reads += 1
        return self.chain.metagraph() if params == [self.chain.netuid] else None

    async def compose(self, call: Any) -> _Call:
        await self._answer()
        module, function, params = call
        return _Call(function, params, repr((module, function, params)).encode())

    async def estimate_fee(self, call: _Call, keypair: Any) -> Balance:
        await self._answer()
        return Balance.from_rao(0)

    async def submit(
        self, call: _Call, keypair: Any, *, wait_for_finalization: bool, **_: Any
    ) -> ExtrinsicResult:
        await self._answer()
        signature = bytes(keypair.sign(call.data))
        assert sp_core.verify(call.data, signature, keypair.ss58_address, keypair.crypto_type)
        assert not wait_for_finalization, "finality takes longer than a call may"
        assert call.function == "serve_axon"
        refused = self.chain.serve_axon(keypair.ss58_address, call.params)
        self.chain.block += 1
        if refused is None:
            return ExtrinsicResult(success=True, message="Success")
        return ExtrinsicResult(success=False, message=DOCS[refused], error=ChainError(DOCS[refused], refused))
