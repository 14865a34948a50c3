"""Committing a submission on the chain: when the chain allows it, never twice by mistake, and read back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from logicnet.chain.commitments import (
    ERA_BLOCKS,
    ChainCommitment,
    CommitmentQuota,
    CommitmentRefused,
    counted_bytes,
)
from logicnet.errors import TuningError
from logicnet.protocol import Hotkey
from logicnet.tuning.compete.competitions import Competition, Submission, Submitted
from logicnet.tuning.compete.journal import Journal, Sent, SentState

_SPARE_S = 6.0  # half a block: the next is due then
_GONE_BLOCKS = ERA_BLOCKS + 8
"""What the chain does not show so many blocks after its head was read never gets there: a call is signed a
little later than that."""

_MENDS = {"AccountNotAllowedCommit": "register the hotkey on this subnet, or check --netuid"}
_SPACE, _TOO_SOON = "SpaceLimitExceeded", "CommitmentSetRateLimitExceeded"


class Commitments(Protocol):
    """As `logicnet.chain.CommitmentChain`."""

    async def genesis(self) -> str: ...

    async def commitments(self) -> list[ChainCommitment]: ...

    async def commitment(self, hotkey: Hotkey) -> ChainCommitment | None: ...

    async def quota(self, hotkey: Hotkey) -> CommitmentQuota: ...

    async def commit(self, text: str, *, reveal_blocks: int | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Committed:
    """On the chain, and read back. `text` of a sealed one is what the chain will open."""

    text: str
    block: int
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class NotYet:
    """Not now: the chain allows it at `until_s` (unix seconds), by what it says today."""

    until_s: float
    why: str


class SecondCommitment(TuningError):
    """This hotkey has committed, and a second commitment would end it for ever."""


@dataclass(frozen=True)
class Committer:
    """Commits for one hotkey in one competition. `clock`: unix seconds."""

    competition: Competition
    chain: Commitments
    journal: Journal
    hotkey: Hotkey
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def commit(self, submission: Submission) -> Committed:
        """Wait for as long as the chain says, then commit. Raises TuningError, ChainError."""
        while True:
            found = await self.commit_now(submission)
            if isinstance(found, Committed):
                return found
            wait_s = max(_SPARE_S, found.until_s - self.clock())
            logger.info("Waiting {:.0f} s: {}", wait_s, found.why)
            await self.sleep(wait_s)

    async def commit_now(self, submission: Submission) -> Committed | NotYet:
        """Commit if that is allowed now. Nothing is sent that is on the chain already.

        Raises TuningError if it never will be; any ChainError of sending leaves open whether the chain took
        it, and the next call finds out.
        """
        text = self.competition.write(submission)
        journal = await self._journal()
        newest = journal.newest()
        found = await self._check(text, journal)
        if found is not None:
            return found
        quota = await self.chain.quota(self.hotkey)
        sent = journal.begin(text, quota.block, self.clock(), after=newest)
        if sent is None:
            return NotYet(self.clock() + 2 * quota.block_s, "another process is committing")
        try:
            await self.chain.commit(text, reveal_blocks=self.competition.reveal_blocks)
        except CommitmentRefused as error:
            journal.end(sent, SentState.REFUSED)
            return self._refused(error, quota)
        return await self._read_back(text, sent, quota)

    async def check(self, text: str) -> Committed | NotYet | None:
        """Whether `text` is committed, must wait, or may be committed now (None); sends nothing.

        Raises TuningError if it never may be.
        """
        return await self._check(text, await self._journal())

    async def _journal(self) -> Journal:
        return self.journal.of(await self.chain.genesis())

    async def _check(self, text: str, journal: Journal) -> Committed | NotYet | None:
        quota = await self.chain.quota(self.hotkey)
        held = await self.chain.commitment(self.hotkey)
        last = _settled(journal, quota)
        if last is not None and last.state is SentState.OPEN:
            until = last.block + _GONE_BLOCKS + 1 - quota.block
            return self._wait(
                until * quota.block_s,
                f"a commitment was sent at block {last.block}, and the chain shows nothing of it yet",
            )
        ours = last is not None and last.text == text
        if held is not None and (held.text == text or (ours and held.text is None)):
            return Committed(text, held.block, sealed=held.text is None)
        if quota.uid is None:
            raise TuningError(
                f"the hotkey {self.hotkey} is not registered on subnet {journal.netuid}: register it, "
                "or check --netuid and --wallet.hotkey"
            )
        if self.competition.once and (held is not None or last is not None or quota.last_block is not None):
            raise SecondCommitment(
                f"{self.hotkey} has committed in {self.competition.id} (block "
                f"{held.block if held else quota.last_block}), and a second commitment makes it invalid for "
                "ever: register another hotkey"
            )
        return self._limits(text, quota)

    def _limits(self, text: str, quota: CommitmentQuota) -> NotYet | None:
        size = counted_bytes(text, sealed=self.competition.reveal_blocks is not None)
        if size > quota.most_bytes:
            raise TuningError(
                f"the chain takes {quota.most_bytes} bytes an epoch from a hotkey: this commitment has {size}"
            )
        floor_s = self.competition.floor_s
        if quota.last_block is not None:
            since_s = (quota.block - quota.last_block) * quota.block_s
            if since_s < floor_s:
                return self._wait(
                    floor_s - since_s,
                    f"{self.competition.id} takes one commitment in {floor_s / 60:.0f} minutes; the last was "
                    f"at block {quota.last_block}",
                )
        if size > quota.free_bytes:
            return self._next_epoch(
                quota, f"{quota.used_bytes} of {quota.most_bytes} bytes of this epoch are used"
            )
        return None

    def _next_epoch(self, quota: CommitmentQuota, why: str) -> NotYet:
        end = quota.next_epoch_block
        blocks = max(1, end - quota.block + 1) if end is not None else ERA_BLOCKS
        return self._wait(blocks * quota.block_s, f"{why}: the next begins at block {end}")

    def _refused(self, error: CommitmentRefused, quota: CommitmentQuota) -> NotYet:
        if error.name == _SPACE:
            return self._next_epoch(quota, "the chain says that this epoch's bytes are used")
        if error.name == _TOO_SOON:
            return self._wait(self.competition.floor_s or 1200.0, "the chain says that it is too soon")
        mend = _MENDS.get(error.name, "try again later")
        raise TuningError(f"the chain refuses the commitment ({error.name or error}): {mend}")

    async def _read_back(self, text: str, sent: int, quota: CommitmentQuota) -> Committed | NotYet:
        held = await self.chain.commitment(self.hotkey)
        if held is None or held.block <= quota.block:  # another node may be a block behind
            return self._wait(2 * quota.block_s, "the chain took it, and does not show it yet")
        self.journal.end(sent, SentState.TAKEN)
        sealed = self.competition.reveal_blocks is not None
        if held.text not in ((text, None) if sealed else (text,)):
            raise TuningError(
                f"the chain shows {held.text!r} instead of {text!r}: this hotkey commits from elsewhere, too"
            )
        return Committed(text, held.block, sealed=held.text is None)

    def _wait(self, seconds: float, why: str) -> NotYet:
        return NotYet(self.clock() + seconds, why)


def _settled(journal: Journal, quota: CommitmentQuota) -> Sent | None:
    """Our newest commitment, with what the chain says of it; None if it never got there."""
    last = journal.last()
    if last is None or last.state is not SentState.OPEN:
        return last
    if quota.last_block is not None and quota.last_block > last.block:
        journal.end(last.id, SentState.TAKEN)
        return journal.last()
    if quota.block > last.block + _GONE_BLOCKS:
        journal.end(last.id, SentState.LOST)
        return journal.last()
    return last


async def submitted(chain: Commitments, competition: Competition) -> list[Submitted]:
    """All submissions of a competition, the newest first.

    What is sealed, of another competition or malformed is left out, and so are hotkeys that committed twice
    where once is allowed.
    """
    return submissions_in(await chain.commitments(), competition)


def submissions_in(commitments: Sequence[ChainCommitment], competition: Competition) -> list[Submitted]:
    found = []
    for one in commitments:
        if one.text is None or (competition.once and one.count > 1):
            continue
        try:
            submission = competition.read(one.text)
        except TuningError:
            continue
        found.append(Submitted(submission, one.hotkey, one.uid, one.block, one.count))
    return found


def best(found: Sequence[Submitted], incentives: Mapping[Hotkey, float]) -> Submitted:
    """The registered one with the highest incentive, of equal ones the older. Raises TuningError if none."""
    registered = [one for one in found if one.hotkey in incentives]
    if not registered:
        raise TuningError(
            "no registered miner has a model in this competition: start from a folder or the hub"
        )
    return max(registered, key=lambda one: (incentives[one.hotkey], -one.block))
