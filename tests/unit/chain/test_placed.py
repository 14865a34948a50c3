"""Our place in a metagraph, as the ledger keeps it."""

from logicnet.chain import Metagraph, Neuron
from logicnet.chain.registration import placed
from logicnet.protocol import Hotkey, Uid

GRAPH = Metagraph(
    (
        Neuron(Uid(0), Hotkey("5Me"), stake=3.0, incentive=0.25),
        Neuron(Uid(1), Hotkey("5Other"), incentive=0.75),
    ),
    block=360,
)


def test_rank_incentive_and_stake() -> None:
    mine = placed(GRAPH, Hotkey("5Me"))
    assert (mine.uid, mine.rank, mine.neurons, mine.incentive, mine.stake, mine.block) == (
        0,
        2,
        2,
        0.25,
        3.0,
        360,
    )


def test_whoever_is_not_registered_has_no_rank() -> None:
    mine = placed(GRAPH, Hotkey("5Nobody"))
    assert (mine.uid, mine.rank, mine.neurons, mine.incentive) == (None, None, 2, 0.0)
