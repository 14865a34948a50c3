import pytest

from logicnet.axon.admission import Admission
from logicnet.chain import Metagraph, Neuron
from logicnet.errors import Reason, Refusal
from logicnet.events import EpochCount
from logicnet.protocol import Hotkey, Uid
from logicnet.volume.quota import VolumeBook

RICH = Neuron(Uid(0), Hotkey("5Rich"), stake=30_000.0)
RICHER = Neuron(Uid(1), Hotkey("5Richer"), stake=60_000.0, validator_permit=True)
PERMITTED = Neuron(Uid(2), Hotkey("5Permitted"), stake=5.0, validator_permit=True)
MINER = Neuron(Uid(3), Hotkey("5Miner"), stake=9_999.0)


class Network:
    """A metagraph that can be changed, and an admission that looks at it."""

    def __init__(self, *neurons: Neuron, epoch_volume: int = 90) -> None:
        self.metagraph: Metagraph | None = Metagraph(tuple(neurons)) if neurons else None
        self.book = CountingBook(epoch_volume, 10_000.0, 600.0)
        self.admission = Admission(lambda: self.metagraph, self.book, 10_000.0)


class CountingBook(VolumeBook):
    """A real book that counts how often quotas are worked out."""

    computed = 0

    def quotas(self, stakes):  # type: ignore[no-untyped-def]
        self.computed += 1
        return super().quotas(stakes)


@pytest.fixture
def network() -> Network:
    return Network(RICH, RICHER, PERMITTED, MINER)


def refused(call, *arguments) -> Refusal:  # type: ignore[no-untyped-def]
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value


def test_nobody_is_admitted_before_there_is_a_metagraph() -> None:
    network = Network()
    assert refused(network.admission.known, RICH.hotkey).reason is Reason.NO_METAGRAPH
    assert refused(network.admission.take, RICH, 0.0).reason is Reason.NO_METAGRAPH


def test_only_the_registered_are_known(network: Network) -> None:
    assert network.admission.known(MINER.hotkey) is MINER
    refusal = refused(network.admission.known, Hotkey("5<script>"))
    assert refusal.reason is Reason.NOT_REGISTERED
    assert "5<script>" not in refusal.message


def test_a_permit_or_enough_stake_permits(network: Network) -> None:
    for neuron in (RICH, RICHER, PERMITTED, Neuron(Uid(9), Hotkey("5Edge"), stake=10_000.0)):
        network.admission.permit(neuron)
    refusal = refused(network.admission.permit, MINER)
    assert refusal.reason is Reason.NOT_PERMITTED
    assert refusal.message == "Challenges need a validator permit, or a stake of at least 10,000."


def test_a_stake_that_is_not_a_number_permits_nobody(network: Network) -> None:
    strange = Neuron(Uid(9), Hotkey("5Nan"), stake=float("nan"))
    assert refused(network.admission.permit, strange).reason is Reason.NOT_PERMITTED


def test_the_not_permitted_have_no_epoch_whichever_door_they_try(network: Network) -> None:
    assert network.admission.inform(MINER, 0.0) is None
    assert network.admission.refuse(MINER, 0.0) is None
    assert refused(network.admission.take, MINER, 0.0).reason is Reason.NOT_PERMITTED
    assert len(network.book) == 0


def test_information_opens_an_epoch_with_the_share_by_stake(network: Network) -> None:
    assert network.admission.inform(RICH, 7.0) == EpochCount(RICH.hotkey, 7.0, 30, 0, 0)
    assert network.admission.inform(RICHER, 8.0) == EpochCount(RICHER.hotkey, 8.0, 60, 0, 0)
    assert network.admission.inform(PERMITTED, 9.0) == EpochCount(PERMITTED.hotkey, 9.0, 2, 0, 0)
    assert network.admission.inform(RICH, 300.0) == EpochCount(RICH.hotkey, 7.0, 30, 0, 0)


def test_challenges_are_counted_up_to_the_quota_and_refusals_beside_it(network: Network) -> None:
    network.admission.take(PERMITTED, 0.0)
    assert network.admission.take(PERMITTED, 1.0) == EpochCount(PERMITTED.hotkey, 0.0, 2, 2, 0)
    refusal = refused(network.admission.take, PERMITTED, 2.0)
    assert refusal.reason is Reason.OVER_QUOTA
    assert "2 challenges" in refusal.message and "598 s" in refusal.message
    assert network.admission.refuse(PERMITTED, 2.0) == EpochCount(PERMITTED.hotkey, 0.0, 2, 2, 1)


def test_quotas_are_worked_out_once_per_metagraph(network: Network) -> None:
    for second in range(50):
        network.admission.take(RICHER, float(second))
    assert network.book.computed == 1
    network.metagraph = Metagraph((RICH, PERMITTED))
    assert network.admission.take(RICH, 60.0).announced == 80
    assert network.book.computed == 2


def test_who_left_the_subnet_between_two_checks_has_no_quota(network: Network) -> None:
    neuron = network.admission.known(RICH.hotkey)
    network.metagraph = Metagraph((RICHER,))
    assert refused(network.admission.take, neuron, 0.0).reason is Reason.OVER_QUOTA


def test_beyond_a_quota_it_answers_while_there_is_room(network: Network) -> None:
    answering = Admission(lambda: network.metagraph, network.book, 10_000.0, over_quota=True)
    for given in (1, 2, 3, 4):
        assert answering.take(PERMITTED, 0.0, room=True) == EpochCount(PERMITTED.hotkey, 0.0, 2, given, 0)
    assert refused(answering.take, PERMITTED, 0.0).reason is Reason.OVER_QUOTA  # no room
    assert refused(network.admission.take, PERMITTED, 0.0).reason is Reason.OVER_QUOTA
    network.metagraph = Metagraph((RICHER,))  # who left the subnet has no quota to be beyond
    with pytest.raises(Refusal) as caught:
        answering.take(RICH, 0.0, room=True)
    assert caught.value.reason is Reason.OVER_QUOTA
