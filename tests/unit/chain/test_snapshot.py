from typing import Any

from bittensor.sp_core import Keypair

from logicnet.chain import Neuron, RankedNeuron, Standing, SubnetSnapshot, SubtensorChain
from logicnet.protocol import Hotkey, Uid
from tests.harness.mini_substrate import MiniChain

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator").ss58_address


def ranked(uid: int, **fields: Any) -> RankedNeuron:
    return RankedNeuron(Neuron(Uid(uid), Hotkey(f"hotkey {uid}")), **fields)


async def test_the_real_client_reads_it_from_the_chain() -> None:
    mini = MiniChain(netuid=35)
    mini.places, mini.immunity, mini.ahead_s = 2, 300, 100.0
    mini.add(VALIDATOR, stake_rao=10**9, permit=True, active=True, last_update=990, registered_at=5)
    mini.add(MINER.ss58_address, incentive=655, emission_rao=3 * 10**9, registered_at=900)
    chain = SubtensorChain(
        network="ws://127.0.0.1:9", netuid=35, signer=MINER, timeout_s=60.0, open_substrate=mini.open
    )
    try:
        snapshot = await chain.snapshot()
    finally:
        await chain.close()
    validator, miner = snapshot.neurons
    assert (validator.active, validator.last_update, validator.registered_at) == (True, 990, 5)
    assert (miner.emission, miner.active, miner.neuron.hotkey) == (3.0, False, MINER.ss58_address)
    assert (snapshot.block, snapshot.block_s, snapshot.runtime, snapshot.max_uids) == (1000, 12.0, 440, 2)
    assert 95 < snapshot.block_at_s - snapshot.read_at_s <= 100
    assert snapshot.full
    assert (snapshot.immune_for(miner), snapshot.immune_for(validator)) == (200, 0)
    assert snapshot.by_hotkey[Hotkey(VALIDATOR)] is validator


def test_the_lowest_emission_goes_first_then_the_older_then_the_lower_uid() -> None:
    snapshot = SubnetSnapshot(
        (
            ranked(0, emission=1.0, registered_at=1),
            ranked(1, emission=0.0, registered_at=7),
            ranked(2, emission=0.0, registered_at=7),
            ranked(3, emission=0.0, registered_at=2),
            ranked(4, emission=0.0, registered_at=95),  # immune
            ranked(5, emission=0.0, registered_at=1),  # the owner's
        ),
        block=100,
        block_at_s=0,
        read_at_s=0,
        immunity_period=10,
        owner=Hotkey("hotkey 5"),
    )
    assert [s.neuron.uid for s in snapshot.pruning_order()] == [3, 1, 2, 0]
    assert not snapshot.full
    standings = [snapshot.standing(Hotkey(f"hotkey {uid}")) for uid in range(6)]
    assert [one.replaced_before for one in standings if one] == [3, 1, 2, 0, None, None]
    assert [one.immune_s for one in standings if one] == [0, 0, 0, 0, 60.0, 0]
    assert snapshot.standing(Hotkey("stranger")) is None


async def test_the_refreshed_metagraph_tells_income_and_distance_to_replacement_in_one_read() -> None:
    mini = MiniChain(netuid=35)
    mini.places, mini.immunity, mini.pool_rao = 2, 300, (10**9, 4 * 10**9)
    mini.add(VALIDATOR, emission_rao=5 * 10**9, registered_at=5)
    mini.add(MINER.ss58_address, emission_rao=3 * 10**9, registered_at=6)
    chain = SubtensorChain(
        network="ws://127.0.0.1:9", netuid=35, signer=MINER, timeout_s=60.0, open_substrate=mini.open
    )
    try:
        graph = await chain.metagraph()
        reads = mini.reads
        mini.block = 306 - 1
        immune = (await chain.metagraph()).subnet
    finally:
        await chain.close()
    assert reads == 1 and graph.subnet is not None and immune is not None
    alpha = 3.0 * (86_400 / (12 * 361))
    assert graph.subnet.standing(Hotkey(MINER.ss58_address)) == Standing(alpha, 0.25, 0.0, 0, 0)
    assert immune.standing(Hotkey(MINER.ss58_address)) == Standing(alpha, 0.25, 12.0, None, 0)
    assert graph.neurons == tuple(one.neuron for one in graph.subnet.neurons)
