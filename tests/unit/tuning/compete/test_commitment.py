"""When a submission is committed, by what the chain says; the real client on a chain in memory."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logicnet.chain import CommitmentRefused
from logicnet.errors import ChainError, TuningError
from logicnet.tuning.compete.commitment import (
    Committed,
    NotYet,
    SecondCommitment,
    best,
    submitted,
)
from logicnet.tuning.compete.competitions import Submission, competition
from tests.harness.mini_substrate import MiniChain
from tests.unit.tuning.compete.conftest import HOTKEY, RIVAL, Clock, chain_of, committer

HASH = "A" * 43 + "="


def model(number: int) -> Submission:
    return Submission("maker/model-1", f"{number:040x}", HASH)


async def test_what_was_committed_is_read_back(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    one = committer(mini, clock, tmp_path)
    done = await one.commit_now(model(1))
    assert done == Committed(f"maker:model-1:{1:040x}:{HASH}:m1", 1001)
    assert mini.commits == [(HOTKEY, {"Raw102": done.text.encode()})]
    (found,) = await submitted(chain_of(mini), competition("m1"))
    assert (found.submission, found.uid, found.block) == (model(1), 0, 1001)
    assert await submitted(chain_of(mini), competition("g1")) == []


async def test_the_same_is_not_sent_twice(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    first = await committer(mini, clock, tmp_path).commit_now(model(1))
    mini.pass_blocks(1000)
    assert await committer(mini, clock, tmp_path).commit_now(model(1)) == first
    assert await committer(mini, clock, tmp_path / "another-machine").commit_now(model(1)) == first
    assert len(mini.commits) == 1


async def test_twenty_minutes_pass_between_two(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    await committer(mini, clock, tmp_path).commit_now(model(1))
    mini.pass_blocks(40)
    for folder in (tmp_path, tmp_path / "another-machine"):  # after a restart, and without the journal
        found = await committer(mini, clock, folder).commit_now(model(2))
        assert isinstance(found, NotYet)
        assert found.until_s == pytest.approx(clock() + 1200 - 40 * 12)
        assert "m1 takes one commitment in 20 minutes" in found.why
    assert len(mini.commits) == 1
    done = await committer(mini, clock, tmp_path).commit(model(2))
    assert clock.slept == [pytest.approx(720)]
    assert (done.block, len(mini.commits)) == (1001 + 101, 2)


async def test_the_bytes_of_an_epoch_are_waited_for(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    mini.space = 210
    one = committer(mini, clock, tmp_path)
    one = replace(one, competition=replace(one.competition, floor_s=0.0))
    for number in (1, 2):
        assert isinstance(await one.commit_now(model(number)), Committed)
    found = await one.commit_now(model(3))
    assert isinstance(found, NotYet)
    assert "204 of 210 bytes of this epoch are used: the next begins at block 1350" in found.why
    assert found.until_s == clock() + 12 * (1350 - mini.block + 1)
    done = await committer(mini, clock, tmp_path).commit(model(3))
    assert done.block > 1350
    assert all(used <= 210 for used in mini.used.values())
    assert len(mini.commits) == 3


async def test_a_chain_that_says_no_space_is_waited_for(
    mini: MiniChain, clock: Clock, tmp_path: Path
) -> None:
    mini.refuse_commit = ["SpaceLimitExceeded"]
    done = await committer(mini, clock, tmp_path).commit(model(1))
    assert isinstance(done, Committed)
    assert len(clock.slept) == 1
    assert done.block > 1350


async def test_a_commitment_larger_than_an_epoch_is_an_error(
    mini: MiniChain, clock: Clock, tmp_path: Path
) -> None:
    mini.space = 50
    with pytest.raises(TuningError, match="takes 50 bytes an epoch from a hotkey: this commitment has 102"):
        await committer(mini, clock, tmp_path).commit_now(model(1))


async def test_a_hotkey_that_is_not_registered_is_named_before_anything_is_sent(
    mini: MiniChain, clock: Clock, tmp_path: Path
) -> None:
    mini.neurons.pop(0)
    with pytest.raises(TuningError, match=f"{HOTKEY} is not registered on subnet 6: register it"):
        await committer(mini, clock, tmp_path).commit_now(model(1))
    assert mini.commits == []


async def test_a_refusal_says_what_mends_it_and_blocks_nothing(
    mini: MiniChain, clock: Clock, tmp_path: Path
) -> None:
    mini.refuse_commit = ["AccountNotAllowedCommit"]
    with pytest.raises(TuningError, match=r"refuses the commitment \(AccountNotAllowedCommit\): register"):
        await committer(mini, clock, tmp_path).commit_now(model(1))
    assert isinstance(await committer(mini, clock, tmp_path).commit_now(model(1)), Committed)


async def test_the_name_of_a_refusal_is_kept(mini: MiniChain) -> None:
    mini.refuse_commit = ["SomethingNew"]
    with pytest.raises(CommitmentRefused) as error:
        await chain_of(mini).commit("text")
    assert error.value.name == "SomethingNew"


class Away:
    """A chain that takes a commitment, and goes away before it says so."""

    def __init__(self, chain: Any, *, takes: bool) -> None:
        self._chain, self._takes = chain, takes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def commit(self, text: str, *, reveal_blocks: int | None = None) -> None:
        if self._takes:
            await self._chain.commit(text, reveal_blocks=reveal_blocks)
        raise ChainError("The chain did not answer within 30 s.")


@pytest.mark.parametrize("name", ["m1", "reason-mining"])
async def test_a_commitment_that_the_chain_took_silently_is_found(
    mini: MiniChain, clock: Clock, tmp_path: Path, name: str
) -> None:
    one = committer(mini, clock, tmp_path, name)
    with pytest.raises(ChainError):
        await replace(one, chain=Away(one.chain, takes=True)).commit_now(model(1))
    done = await committer(mini, clock, tmp_path, name).commit_now(model(1))
    assert isinstance(done, Committed)
    assert len(mini.commits) == 1


@pytest.mark.parametrize("name", ["m1", "reason-mining"])
async def test_a_commitment_that_may_be_under_way_is_waited_for(
    mini: MiniChain, clock: Clock, tmp_path: Path, name: str
) -> None:
    one = committer(mini, clock, tmp_path, name)
    with pytest.raises(ChainError):
        await replace(one, chain=Away(one.chain, takes=False)).commit_now(model(1))
    found = await committer(mini, clock, tmp_path, name).commit_now(model(1))
    assert isinstance(found, NotYet)
    assert "sent at block 1000, and the chain shows nothing of it yet" in found.why
    assert mini.commits == []
    done = await committer(mini, clock, tmp_path, name).commit(model(1))
    assert (len(mini.commits), done.block > 1032) == (1, True)


ADDRESS = "wss://test.finney.opentensor.ai:443"


@pytest.mark.parametrize("network", ["test", ADDRESS, "ws://10.0.0.1:9944"])
async def test_what_was_sent_is_known_by_every_address_of_a_network(
    mini: MiniChain, clock: Clock, tmp_path: Path, network: str
) -> None:
    one = committer(mini, clock, tmp_path)
    with pytest.raises(ChainError):
        await replace(one, chain=Away(one.chain, takes=False)).commit_now(model(1))
    found = await committer(mini, clock, tmp_path, network=network).commit_now(model(2))
    assert isinstance(found, NotYet)
    assert "sent at block 1000, and the chain shows nothing of it yet" in found.why
    mini.genesis = "0x" + "8f" * 32  # the same address leads to another network
    assert isinstance(await committer(mini, clock, tmp_path).commit_now(model(2)), Committed)


async def test_what_an_earlier_version_sent_is_known(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    one = committer(mini, clock, tmp_path, "reason-mining")
    text = one.competition.write(model(1))
    assert one.journal.begin(text, mini.block, clock(), after=0) is not None  # as it wrote: by the name
    found = await one.commit_now(model(2))
    assert isinstance(found, NotYet)
    assert "the chain shows nothing of it yet" in found.why
    assert mini.commits == []


@pytest.mark.parametrize("genesis", [None, "0x" + "00" * 32])
async def test_a_chain_that_does_not_say_which_it_is_is_sent_nothing(
    mini: MiniChain, clock: Clock, tmp_path: Path, genesis: str | None
) -> None:
    mini.genesis = genesis
    with pytest.raises(ChainError, match="does not say which network it is of"):
        await committer(mini, clock, tmp_path).commit_now(model(1))
    assert mini.commits == []


async def test_two_processes_do_not_commit_at_once(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    one, other = committer(mini, clock, tmp_path), committer(mini, clock, tmp_path)
    found = await asyncio.gather(one.commit_now(model(1)), other.commit_now(model(2)))
    assert sorted(type(each).__name__ for each in found) == ["Committed", "NotYet"]
    assert len(mini.commits) == 1


@pytest.mark.parametrize("name", ["m1", "reason-mining"])
async def test_a_process_that_commits_between_a_look_and_a_send_is_seen(
    mini: MiniChain, clock: Clock, tmp_path: Path, name: str
) -> None:
    other = committer(mini, clock, tmp_path, name)

    class Slow(Away):
        reads = 0

        async def quota(self, hotkey: Any) -> Any:
            self.reads += 1
            if self.reads == 2:  # the check is over
                assert isinstance(await other.commit_now(model(2)), Committed)
            return await self._chain.quota(hotkey)

    one = committer(mini, clock, tmp_path, name)
    found = await replace(one, chain=Slow(one.chain, takes=True)).commit_now(model(1))
    assert isinstance(found, NotYet)
    assert len(mini.commits) == 1


async def test_a_node_that_is_behind_is_asked_again(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    one = committer(mini, clock, tmp_path)

    class Behind(Away):
        reads = 0

        async def commitment(self, hotkey: Any) -> Any:
            self.reads += 1
            return None if self.reads == 2 else await self._chain.commitment(hotkey)

        async def commit(self, text: str, *, reveal_blocks: int | None = None) -> None:
            await self._chain.commit(text, reveal_blocks=reveal_blocks)

    done = await replace(one, chain=Behind(one.chain, takes=True)).commit(model(1))
    assert (done.block, len(mini.commits), clock.slept) == (1001, 1, [24.0])


# Where a hotkey commits once for ever.


async def test_a_sealed_commitment_is_opened_by_the_chain(
    mini: MiniChain, clock: Clock, tmp_path: Path
) -> None:
    chosen = competition("reason-mining")
    done = await committer(mini, clock, tmp_path, chosen.id).commit_now(model(7))
    assert isinstance(done, Committed)
    assert (done.sealed, done.text) == (True, f'{{"model": "maker/model-1", "revision": "{7:040x}"}}')
    ((_, field),) = mini.commits
    assert b"maker" not in field["TimelockEncrypted"]["encrypted"]
    assert await submitted(chain_of(mini), chosen) == []  # sealed: nobody can read it
    mini.pass_blocks(2)
    mini.reveal(HOTKEY, done.text)
    (found,) = await submitted(chain_of(mini), chosen)
    assert (found.submission, found.count) == (Submission("maker/model-1", f"{7:040x}"), 1)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_second_commitment_is_refused_before_the_chain_sees_it(
    mini: MiniChain, clock: Clock, tmp_path: Path, opened: bool, elsewhere: bool
) -> None:
    first = await committer(mini, clock, tmp_path, "reason-mining").commit_now(model(1))
    assert isinstance(first, Committed)
    if opened:
        mini.pass_blocks(2)
        mini.reveal(HOTKEY, first.text)
    mini.pass_blocks(10_000)
    folder = tmp_path / "another-machine" if elsewhere else tmp_path
    with pytest.raises(SecondCommitment, match="a second commitment makes it invalid for ever: register"):
        await committer(mini, clock, folder, "reason-mining").commit_now(model(2))
    assert len(mini.commits) == 1


async def test_any_earlier_commitment_counts(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    await chain_of(mini).commit("something of another program")
    with pytest.raises(SecondCommitment):
        await committer(mini, clock, tmp_path, "reason-mining").commit_now(model(1))


async def test_a_hotkey_that_committed_twice_is_left_out(mini: MiniChain) -> None:
    chosen = competition("reason-mining")
    for number in (1, 2):
        text = chosen.write(model(number))
        await chain_of(mini).commit(text, reveal_blocks=1)
        mini.reveal(HOTKEY, text)
    assert await submitted(chain_of(mini), chosen) == []


async def test_what_others_wrote_is_passed_over(mini: MiniChain) -> None:
    await chain_of(mini).commit("{")
    await chain_of(mini, RIVAL).commit("☃" * 30)
    for name in ("m1", "reason-mining"):
        assert await submitted(chain_of(mini), competition(name)) == []


async def test_the_best_has_the_highest_incentive(mini: MiniChain, clock: Clock, tmp_path: Path) -> None:
    await committer(mini, clock, tmp_path).commit_now(model(1))
    await committer(mini, clock, tmp_path, signer=RIVAL).commit_now(model(2))
    found = await submitted(chain_of(mini), competition("m1"))
    graph = await chain_of(mini).metagraph()
    incentives = {one.hotkey: one.incentive for one in graph.neurons}
    assert best(found, incentives).submission == model(2)
    with pytest.raises(TuningError, match="no registered miner has a model"):
        best(found, {})
