import itertools

import pytest

from logicnet.chain import AxonAddress, AxonPublisher, AxonRefused, Metagraph, Neuron, Why
from logicnet.chain.publisher import SERVE_EVERY_S
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid
from tests.harness.manual_time import ManualTime

HOTKEY = Hotkey("5Miner")
HERE, THERE = AxonAddress("1.2.3.4", 8091), AxonAddress("9.9.9.9", 8091)


class Recorder:
    """A chain that shows what was published; `fails_with` is raised by each attempt instead."""

    def __init__(self) -> None:
        self.shown: AxonAddress | None = None
        self.registered = True
        self.attempts: list[AxonAddress] = []
        self.fails_with: ChainError | None = None

    async def metagraph(self) -> Metagraph:
        mine = [Neuron(Uid(3), HOTKEY, axon=self.shown)] if self.registered else []
        return Metagraph((Neuron(Uid(0), Hotkey("5Other")), *mine))

    async def serve_axon(self, address: AxonAddress) -> None:
        self.attempts.append(address)
        if self.fails_with is not None:
            raise self.fails_with
        self.shown = address

    async def close(self) -> None:
        pass


class Operator:
    """Where the machine is, as far as it can be found."""

    def __init__(self) -> None:
        self.address: AxonAddress | None = HERE
        self.asked = 0

    async def find(self) -> AxonAddress:
        self.asked += 1
        if self.address is None:
            raise ChainError("Not found: give it with --axon.external_ip.")
        return self.address


class Scene:
    def __init__(self, time: ManualTime) -> None:
        self.time, self.chain, self.operator = time, Recorder(), Operator()
        self.publisher = AxonPublisher(
            self.chain, HOTKEY, self.operator.find, clock=time.clock, chance=lambda: 0.0
        )

    async def refresh(self, *, after_s: float = 60.0, times: int = 1) -> None:
        for _ in range(times):
            self.time.now_s += after_s
            await self.publisher.consider(await self.chain.metagraph())


@pytest.fixture
def scene(time: ManualTime) -> Scene:
    return Scene(time)


async def test_an_address_is_published_once_and_not_again_while_the_chain_shows_it(
    scene: Scene, said: list[str]
) -> None:
    await scene.refresh(times=100)
    assert scene.chain.attempts == [HERE]
    assert said == ["INFO Published our axon at 1.2.3.4:8091."]


async def test_what_the_chain_shows_already_is_not_published(scene: Scene, said: list[str]) -> None:
    scene.chain.shown = HERE
    await scene.refresh(times=100)
    assert scene.chain.attempts == []
    assert said == ["INFO The chain shows our axon at 1.2.3.4:8091."]


async def test_an_address_that_changed_is_published_again_but_not_too_soon(scene: Scene) -> None:
    await scene.refresh()
    scene.operator.address = THERE
    await scene.refresh(after_s=SERVE_EVERY_S - 1)
    assert scene.chain.attempts == [HERE]
    await scene.refresh(after_s=1)
    assert scene.chain.attempts == [HERE, THERE]
    assert scene.chain.shown == THERE


async def test_a_metagraph_from_before_does_not_make_it_publish_twice(scene: Scene) -> None:
    before = await scene.chain.metagraph()
    for _ in range(9):
        await scene.publisher.consider(before)
        scene.time.now_s += 60
    assert scene.chain.attempts == [HERE]


async def test_a_rate_limit_is_borne_quietly_and_tried_again_after_it(scene: Scene, said: list[str]) -> None:
    scene.chain.fails_with = AxonRefused(Why.TOO_SOON, "rate limit")
    await scene.refresh(times=11)  # ten minutes
    assert len(scene.chain.attempts) == 2
    assert said == []
    scene.chain.fails_with = None
    await scene.refresh(times=10)
    assert scene.chain.shown == HERE


@pytest.mark.parametrize(
    "error",
    [
        ChainError("The chain did not answer within 30 s."),
        AxonRefused(Why.BAD_ADDRESS, "An invalid IP address."),
        AxonRefused(Why.TOO_SOON, "rate limit"),
        AxonRefused(Why.NOT_REGISTERED, "no"),
        AxonRefused(Why.OTHER, "no"),
    ],
    ids=lambda error: str(getattr(error, "why", "unknown")),
)
async def test_nothing_makes_it_try_oftener_than_the_chain_allows(
    scene: Scene, error: ChainError, said: list[str]
) -> None:
    scene.chain.fails_with = error
    attempted_s = []
    for _ in range(24 * 60):
        await scene.refresh()
        if len(scene.chain.attempts) > len(attempted_s):
            attempted_s.append(scene.time.now_s)
    gaps_s = [later - sooner for sooner, later in itertools.pairwise(attempted_s)]
    assert len(gaps_s) >= 20 and min(gaps_s) >= SERVE_EVERY_S
    assert len(said) <= 1


async def test_a_refused_address_says_once_which_flag_gives_the_right_one(
    scene: Scene, said: list[str]
) -> None:
    scene.chain.fails_with = AxonRefused(Why.BAD_ADDRESS, "An invalid IP address.")
    await scene.refresh(times=100)
    assert len(said) == 1
    assert "refused 1.2.3.4:8091" in said[0] and "--axon.external_ip" in said[0]
    assert "validators cannot find this miner" in said[0]


async def test_pauses_grow_while_it_goes_on_failing(scene: Scene) -> None:
    scene.chain.fails_with = ChainError("away")
    attempted_s = []
    for _ in range(6 * 60):
        await scene.refresh()
        if len(scene.chain.attempts) > len(attempted_s):
            attempted_s.append(scene.time.now_s - 1000)
    assert attempted_s == [60, 660, 1260, 2460, *range(4260, 21601, 1800)]


async def test_an_unanswered_attempt_that_went_through_is_seen_and_not_repeated(
    scene: Scene, said: list[str]
) -> None:
    scene.chain.fails_with = ChainError("The chain did not answer within 30 s.")
    await scene.refresh()
    scene.chain.shown = HERE
    await scene.refresh(times=50)
    assert scene.chain.attempts == [HERE]
    assert said == [
        "WARNING Our axon's address may not have been published: The chain did not answer within 30 s. "
        "Until then validators cannot find this miner.",
        "INFO The chain shows our axon at 1.2.3.4:8091.",
    ]


async def test_who_is_not_registered_publishes_nothing_until_he_is(scene: Scene, said: list[str]) -> None:
    scene.chain.registered = False
    await scene.refresh(times=100)
    assert (scene.chain.attempts, scene.operator.asked, said) == ([], 0, [])
    scene.chain.registered = True
    await scene.refresh()
    assert scene.chain.attempts == [HERE]


async def test_an_address_that_cannot_be_found_is_said_once_and_looked_for_with_pauses(
    scene: Scene, said: list[str]
) -> None:
    scene.operator.address, scene.chain.shown = None, AxonAddress("2001:4860::8888", 8091)
    await scene.refresh(times=60)
    assert scene.operator.asked < 10
    assert said == [
        "WARNING Not found: give it with --axon.external_ip. "
        "Until then validators look for it at [2001:4860::8888]:8091."
    ]
    scene.operator.address = HERE
    await scene.refresh(times=60)
    assert scene.chain.shown == HERE
