import pytest

from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.information import in_words, quota_of, read_information
from logicnet.protocol import Hotkey
from logicnet.volume.quota import VolumeBook
from tests.unit.evals.conftest import plan_for, scripted

PLAN = plan_for(scripted())


def told(response: object, success: bool = True) -> MinerReply:
    return MinerReply(success, 0.1, 200, {"response_dict": response}, "")


def test_a_volume_is_read():
    assert read_information(PLAN, told({"epoch_volume": 512, "category": "Logic"})).epoch_volume == 512


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (None, "names no epoch_volume"),
        ([512], "names no epoch_volume"),
        ({"category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": "512", "category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": True, "category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": 0, "category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": 10**400, "category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": float("nan"), "category": "Logic"}, "names no epoch_volume"),
        ({"epoch_volume": 512}, "another category than Logic"),
        ({"epoch_volume": 512, "category": ["Logic"]}, "another category than Logic"),
    ],
)
def test_without_volume_and_category_a_miner_is_not_asked(response, why):
    found = read_information(PLAN, told(response))
    assert why in found.why
    assert (found.epoch_volume, found.quota) == (0, 0)


def test_a_miner_that_refuses_says_why():
    reply = MinerReply(False, 0.1, 403, {}, "This hotkey is\nnot registered.")
    assert read_information(PLAN, reply).why == "no Information: 403 This hotkey is not registered."


def test_a_reply_without_words_has_some():
    assert in_words(MinerReply(False, 0.1, 0, {}, "no reply within 60 s")) == "no reply within 60 s"
    assert "axon status" in in_words(MinerReply(False, 0.1, 200))


@pytest.mark.parametrize("volume", [1, 20, 96, 512, 10_000])
@pytest.mark.parametrize("who", ["rich", "poor", "tiny"])
def test_the_quota_is_the_one_that_the_miner_works_out(volume, who):
    stakes = {"rich": 60_000.0, "poor": 11_000.0, "tiny": 9_999.0, "none": 0.0}
    book = VolumeBook(volume, 10_000.0, 600.0)
    theirs = book.quotas({Hotkey(name): stake for name, stake in stakes.items()})
    assert quota_of(who, stakes, volume) == theirs[Hotkey(who)]


def test_a_validator_that_is_not_registered_may_ask_nothing():
    assert quota_of("stranger", {"rich": 60_000.0}, 512) == 0
