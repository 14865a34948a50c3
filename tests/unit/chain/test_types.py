from logicnet.chain import Metagraph, Neuron
from logicnet.protocol import Hotkey, Uid


def test_rank_counts_those_who_earn_more() -> None:
    graph = Metagraph(
        tuple(
            Neuron(Uid(n), Hotkey(key), incentive=incentive)
            for n, (key, incentive) in enumerate([("a", 0.2), ("b", 0.5), ("c", 0.2), ("d", 0.0)])
        )
    )
    assert [graph.rank(Hotkey(key)) for key in "abcd"] == [2, 1, 2, 4]
    assert graph.rank(Hotkey("e")) is None


def test_neurons_are_looked_up_by_hotkey() -> None:
    neuron = Neuron(Uid(7), Hotkey("a"))
    assert Metagraph((neuron,)).by_hotkey == {"a": neuron}
