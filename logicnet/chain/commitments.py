"""What hotkeys have committed on a subnet: reading all of it, and adding our own.

A commitment is up to 128 bytes in the clear, or a longer text sealed until a round of the drand beacon, which
the chain opens itself. Source of the limits: subtensor, pallets/commitments, and bittensor 11.3's
`error_descriptions/commitments.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logicnet._util.text import one_line
from logicnet.chain.subtensor import SubtensorChain
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid

if TYPE_CHECKING:
    from bittensor import Client

MOST_BYTES = 128
"""In the clear: the largest `Raw` field."""

LEAST_COUNTED_BYTES = 100
"""A shorter commitment takes as much of the quota as one of this length."""

ERA_BLOCKS = 32
"""A call that was sent is in one of the next so many blocks, or never; a power of two."""

_SEAL_BYTES = 246  # that a timelock adds, with the length in front of the text (measured)
_STORAGE = "Commitments"


@dataclass(frozen=True, slots=True)
class ChainCommitment:
    """What a hotkey's commitment says now.

    `text` is None while it is sealed. `block`: of the commitment; once a sealed one was opened, of that.
    `count`: how many commitments of this hotkey the chain still knows; opened ones are kept, plain ones are
    replaced by the next.
    """

    hotkey: Hotkey
    uid: Uid | None  # None: the hotkey is no longer registered
    text: str | None
    block: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class CommitmentQuota:
    """What the chain lets a hotkey commit, as of `block`."""

    uid: Uid | None  # None: it is not registered, and may commit nothing
    block: int
    block_s: float
    last_block: int | None  # of its last commitment; the chain keeps this for ever
    used_bytes: int  # in the epoch of its last commitment
    most_bytes: int  # an epoch
    last_epoch_block: int
    next_epoch_block: int | None

    @property
    def free_bytes(self) -> int:
        """What is left in this epoch; a new epoch begins with all of it."""
        if self.last_block is None or self.last_block < self.last_epoch_block:
            return self.most_bytes
        return max(0, self.most_bytes - self.used_bytes)


class CommitmentRefused(ChainError):
    """The chain answered, and the answer was no; `name` is the runtime's name of the error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class CommitmentChain(SubtensorChain):
    """Reads and sets commitments on one subnet. Each call raises ChainError."""

    answers = (*SubtensorChain.answers, CommitmentRefused)

    async def genesis(self) -> str:
        """The hash of the chain's first block: the same for every address of a network, for no other one."""

        async def read(client: Client) -> str:
            found = await client.query(("System", "BlockHash"), [0])
            if not found or not str(found).strip("0x"):  # 0x00... is of a block that the runtime forgot
                raise ChainError(f"{self._name} does not say which network it is of: use another endpoint.")
            return str(found)

        return await self._call(read)

    async def commitments(self) -> list[ChainCommitment]:
        """Of all hotkeys, the newest first."""

        async def read(client: Client) -> list[ChainCommitment]:
            found = await client.subnets.commitments(self._netuid)
            return [_commitment(one) for one in found.values()]

        return await self._call(read)

    async def commitment(self, hotkey: Hotkey) -> ChainCommitment | None:
        """The commitment of one hotkey; None if it has none."""
        return next((one for one in await self.commitments() if one.hotkey == hotkey), None)

    async def quota(self, hotkey: Hotkey) -> CommitmentQuota:
        """What `hotkey` may commit now."""

        async def read(client: Client) -> CommitmentQuota:
            view = await client.at()
            uid, used, most, last, last_epoch, until_next, block_s = await asyncio.gather(
                view.query(("SubtensorModule", "Uids"), [self._netuid, hotkey]),
                view.query((_STORAGE, "UsedSpaceOf"), [self._netuid, hotkey]),
                view.query((_STORAGE, "MaxSpace")),
                view.query((_STORAGE, "LastCommitment"), [self._netuid, hotkey]),
                view.query(("SubtensorModule", "LastEpochBlock"), [self._netuid]),
                view.epochs.blocks_until_next_epoch(self._netuid),
                client.block_time(),
            )
            return CommitmentQuota(
                uid=None if uid is None else Uid(int(uid)),
                block=view.block,
                block_s=block_s,
                last_block=None if last is None else int(last),
                used_bytes=int((used or {}).get("used_space") or 0),
                most_bytes=int(most or 0),
                last_epoch_block=int(last_epoch or 0),
                next_epoch_block=None if until_next is None else view.block + until_next,
            )

        return await self._call(read)

    async def commit(self, text: str, *, reveal_blocks: int | None = None) -> None:
        """Commit `text` for the signer's hotkey, and wait until a block holds it.

        With `reveal_blocks` it is sealed, and the chain opens it after that many blocks. Raises
        CommitmentRefused if the chain says no; any other ChainError leaves open whether it took it.
        """

        async def publish(client: Client) -> None:
            import bittensor  # noqa: PLC0415 (slow to import)

            field = _plain(text) if reveal_blocks is None else await _sealed(client, text, reveal_blocks)
            call = bittensor.calls.Commitments.set_commitment(netuid=self._netuid, info={"fields": [[field]]})
            result = await client.submit_call(
                call, self._signer, signer="hotkey", period=ERA_BLOCKS, wait_for_finalization=False
            )
            if not result.success:
                name = result.error.name if result.error else None
                said = one_line(str(result.message or name or "no reason"), 300)
                raise CommitmentRefused(name or "", said)

        await self._call(publish)


def counted_bytes(text: str, *, sealed: bool) -> int:
    """What a commitment of `text` takes of the quota."""
    return max(LEAST_COUNTED_BYTES, len(text.encode()) + (_SEAL_BYTES if sealed else 0))


def _plain(text: str) -> dict[str, bytes]:
    data = text.encode()
    return {f"Raw{len(data)}": data}


async def _sealed(client: Client, text: str, blocks: int) -> dict[str, Any]:
    from bittensor_core import get_encrypted_commitment  # noqa: PLC0415

    sealed, reveal_round = get_encrypted_commitment(text, blocks, await client.block_time())
    return {"TimelockEncrypted": {"encrypted": bytes(sealed), "reveal_round": reveal_round}}


def _commitment(found: Any) -> ChainCommitment:
    return ChainCommitment(
        hotkey=Hotkey(found.hotkey),
        uid=None if found.uid is None else Uid(found.uid),
        text=found.value,
        block=found.block,
        count=max(1, len(found.revealed) + (0 if found.decrypted else 1)),
    )
