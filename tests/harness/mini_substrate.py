"""A chain in memory that the real bittensor 11 client runs on, and that fails when told to.

`MiniChain` is the state of one subnet; `open(endpoints)` gives one connection to it, with the
methods of `bittensor.Substrate` that a miner's calls reach. Values have the runtime's own units:
scores u16, stakes rao, an IP address as an integer. What is sealed by a timelock is opened by `reveal`, as no
beacon is asked. A connection that was hung stays hung, as a
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
LEAST_COUNTED_BYTES = 100  # of a commitment

DOCS = {
    "ServingRateLimitExceeded": "An axon or prometheus serving exceeded the rate limit.",
    "HotKeyNotRegisteredInNetwork": "The hotkey is not registered in any subnet.",
    "InvalidIpAddress": "An invalid IP address is passed to the serve function.",
    "AccountNotAllowedCommit": "Account is not allowed to make commitments to the chain.",
    "SpaceLimitExceeded": "Space limit exceeded for the current interval.",
    "TooManyFieldsInCommitmentInfo": "Account passed too many additional fields to their commitment.",
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
        self.genesis: str | None = "0x" + "2f" * 32  # hash of the first block
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
        self.tempo = 360
        self.last_epoch = self.block - 10
        self.space = 3100  # bytes that a hotkey may commit in an epoch
        self.used: dict[str, int] = {}  # bytes, by hotkey, in the epoch of its last commitment
        self.committed: dict[str, dict[str, Any]] = {}  # as the runtime has them, by hotkey
        self.committed_at: dict[str, int] = {}  # block, by hotkey
        self.revealed: dict[str, list[tuple[str, int]]] = {}
        self.commits: list[tuple[str, dict[str, Any]]] = []  # what set_commitment asked for, taken or not
        self.refuse_commit: list[str] = []  # names of the errors of the next commitments

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
            "immunity_period": self.immunity,
            "burn": self.burn_rao,
            "tao_in": self.pool_rao[0],
            "alpha_in": self.pool_rao[1],
        }
        head = {
            "netuid": self.netuid,
            "block": self.block,
            "tempo": self.tempo,
            "last_step": self.block - 10,
        }
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

    def pass_blocks(self, blocks: int) -> None:
        """Time passes, with its epochs."""
        self.block += blocks
        self.last_epoch += (self.block - self.last_epoch) // self.tempo * self.tempo

    def set_commitment(self, signer: str, params: dict[str, Any]) -> str | None:
        """The runtime's checks, in its order; the name of the error, or None."""
        fields = params["info"]["fields"][0]
        self.commits.append((signer, fields[0]))
        if self.neuron(signer) is None or params["netuid"] != self.netuid:
            return "AccountNotAllowedCommit"
        if len(fields) > 1:
            return "TooManyFieldsInCommitmentInfo"
        if self.refuse_commit:
            return self.refuse_commit.pop(0)
        ((kind, value),) = fields[0].items()
        sealed = kind == "TimelockEncrypted"
        if not sealed:
            assert kind == f"Raw{len(value)}", f"{kind} holds {len(value)} bytes"
            assert len(value) <= 128, "no Raw field is longer"
        size = max(LEAST_COUNTED_BYTES, len(value["encrypted"] if sealed else value))
        used = self.used.get(signer, 0) if self.committed_at.get(signer, -1) >= self.last_epoch else 0
        if used + size > self.space:
            return "SpaceLimitExceeded"
        self.used[signer] = used + size
        shown = value if sealed else "0x" + value.hex()
        self.committed[signer] = {
            "block": self.block,
            "deposit": 0,
            "info": {"fields": [{kind: shown}]},
        }
        self.committed_at[signer] = self.block
        return None

    def reveal(self, hotkey: str, text: str) -> None:
        """Open the sealed commitment of `hotkey`: it said `text`, as SCALE encodes it."""
        ((kind, _),) = self.committed.pop(hotkey)["info"]["fields"][0].items()
        assert kind == "TimelockEncrypted"
        data = text.encode()
        prefix = len(data) << 2
        scale = bytes([prefix]) if len(data) < 64 else (prefix | 1).to_bytes(2, "little")
        self.revealed.setdefault(hotkey, []).append(("0x" + (scale + data).hex(), self.block))

    def storage(self, pallet: str, item: str, params: list[Any]) -> Any:
        """Of one subnet or hotkey; None if there is nothing."""
        hotkey = params[1] if len(params) > 1 else ""
        found: dict[tuple[str, str], Any] = {
            ("System", "BlockHash"): self.genesis,
            ("SubtensorModule", "ImmunityPeriod"): self.immunity,
            ("SubtensorModule", "Uids"): next(
                (uid for uid, one in enumerate(self.neurons) if one.hotkey == hotkey), None
            ),
            ("SubtensorModule", "LastEpochBlock"): self.last_epoch,
            ("Commitments", "MaxSpace"): self.space,
            ("Commitments", "CommitmentOf"): self.committed.get(hotkey),
            ("Commitments", "LastCommitment"): self.committed_at.get(hotkey),
            ("Commitments", "RevealedCommitments"): self.revealed.get(hotkey),
            ("Commitments", "UsedSpaceOf"): {"last_epoch": 1, "used_space": self.used[hotkey]}
            if hotkey in self.used
            else None,
        }
        if (pallet, item) not in found:
            raise LookupError(f"this chain has no {pallet}.{item}")
        return found[pallet, item]

    def storage_map(self, pallet: str, item: str) -> list[tuple[str, Any]]:
        found: dict[tuple[str, str], list[tuple[str, Any]]] = {
            ("Commitments", "CommitmentOf"): list(self.committed.items()),
            ("Commitments", "RevealedCommitments"): list(self.revealed.items()),
            ("SubtensorModule", "Uids"): [(one.hotkey, uid) for uid, one in enumerate(self.neurons)],
        }
        return found[pallet, item]


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
        return self.chain.storage(pallet, item, params or [])

    async def query_map(
        self, pallet: str, item: str, params: list[Any] | None = None, block_hash: str | None = None
    ) -> list[tuple[str, Any]]:
        await self._answer()
        return self.chain.storage_map(pallet, item)

    async def runtime_call(
        self, api: str, method: str, params: list[Any], block_hash: str | None = None
    ) -> Any:
        await self._answer()
        if method == "get_next_epoch_start_block":
            return self.chain.last_epoch + self.chain.tempo
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
        if call.function == "set_commitment":
            self.chain.block += 1
            refused = self.chain.set_commitment(keypair.ss58_address, call.params)
        else:
            assert call.function == "serve_axon"
            refused = self.chain.serve_axon(keypair.ss58_address, call.params)
            self.chain.block += 1
        if refused is None:
            return ExtrinsicResult(success=True, message="Success")
        words = DOCS.get(refused, refused)
        return ExtrinsicResult(success=False, message=words, error=ChainError(words, refused))
