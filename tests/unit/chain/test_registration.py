from logicnet.chain import Metagraph, Neuron
from logicnet.chain.registration import RegistrationMonitor
from logicnet.protocol import Hotkey, Uid

ME = Hotkey("5Me")


def graph(incentive: float | None, *others: float) -> Metagraph:
    """A network of `others` and, unless `incentive` is None, of me as uid 200."""
    neurons = [Neuron(Uid(n), Hotkey(f"5Other{n}"), incentive=i) for n, i in enumerate(others)]
    if incentive is not None:
        neurons.append(Neuron(Uid(200), ME, incentive=incentive))
    return Metagraph(tuple(neurons))


def standing() -> RegistrationMonitor:
    return RegistrationMonitor(ME, netuid=35, register_with="btcli subnets register --netuid 35")


def test_rank_and_incentive_are_said_when_they_change(said: list[str]) -> None:
    mine = standing()
    for incentive, other in [(0.1, 0.2), (0.1, 0.2), (0.1, 0.2), (0.1, 0.05), (0.3, 0.05)]:
        mine.observe(graph(incentive, other))
    assert said == [
        "INFO Registered on subnet 35 as uid 200.",
        "INFO Rank 2 of 2, incentive 0.10000.",
        "INFO Rank 1 of 2, incentive 0.10000.",
        "INFO Rank 1 of 2, incentive 0.30000.",
    ]


def test_not_registered_is_said_once_with_the_command_that_mends_it(said: list[str]) -> None:
    mine = standing()
    for _ in range(5):
        mine.observe(graph(None, 0.5))
    assert said == [
        "WARNING Hotkey 5Me is not registered on subnet 35, so validators do not ask it. Register: "
        "`btcli subnets register --netuid 35`."
    ]
    mine.observe(graph(0.0, 0.5))
    assert said[1:] == ["INFO Registered on subnet 35 as uid 200.", "INFO Rank 2 of 2, incentive 0.00000."]


def test_deregistered_while_running_is_said_once_and_does_not_look_like_an_outage(said: list[str]) -> None:
    mine = standing()
    mine.observe(graph(0.0))
    said.clear()
    for _ in range(5):
        mine.observe(graph(None, 0.5))
    assert len(said) == 1
    assert said[0].startswith("WARNING Hotkey 5Me was deregistered from subnet 35")
    assert "`btcli subnets register --netuid 35`" in said[0]
