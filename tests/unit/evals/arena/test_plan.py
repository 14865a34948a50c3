import pytest
from bittensor.sp_core import Keypair

from logicnet.errors import SettingsError
from logicnet.evals.arena.plan import ArenaPlan, check_targets

ALICE = Keypair.create_from_uri("//Alice").ss58_address
BOB = Keypair.create_from_uri("//Bob").ss58_address


def plan(**changes: object) -> ArenaPlan:
    given: dict[str, object] = {
        "target": ("h:1",),
        "hotkey": (ALICE,),
        "validator": BOB,
        "stakes": {BOB: 1.0},
        "challenges": "set.jsonl",
    }
    return ArenaPlan.model_validate(given | changes)


def test_targets_are_paired_with_hotkeys_and_labels_in_order():
    found = plan(target=["h:1", "[::1]:2"], hotkey=[ALICE, BOB], label=["a", "b"])
    check_targets(found)
    assert [(one.name, one.base_url, one.hotkey) for one in found.targets] == [
        ("a", "http://h:1", ALICE),
        ("b", "http://[::1]:2", BOB),
    ]
    assert plan().targets[0].name == "h:1"


@pytest.mark.parametrize(
    ("addresses", "hotkeys", "labels", "words"),
    [
        ([], [], [], "--target is missing"),
        (["h:1"], [], [], "got 1 and 0"),
        (["h:1", "h:2"], [ALICE, BOB], ["a"], "--label is for every"),
        (["h:1", "h:1"], [ALICE, BOB], [], "given twice"),
        (["h:1", "h:2"], [ALICE, BOB], ["a", "a"], "given twice"),
        (["h:1"], ["5Alice"], [], "not an ss58 address"),
        (["h"], [ALICE], [], "takes HOST:PORT"),
        (["h:0"], [ALICE], [], "takes HOST:PORT"),
        (["h:65536"], [ALICE], [], "takes HOST:PORT"),
        (["h:x"], [ALICE], [], "takes HOST:PORT"),
        ([":1"], [ALICE], [], "takes HOST:PORT"),
        (["::1:1"], [ALICE], [], "takes HOST:PORT"),
        (["http://h:1"], [ALICE], [], "takes HOST:PORT"),
        (["u@h:1"], [ALICE], [], "takes HOST:PORT"),
        (["h/x:1"], [ALICE], [], "takes HOST:PORT"),
    ],
)
def test_wrong_targets_are_one_line(addresses, hotkeys, labels, words):
    with pytest.raises(SettingsError, match=words) as error:
        check_targets(plan(target=addresses, hotkey=hotkeys, label=labels))
    assert "\n" not in str(error.value)


def test_both_wires_take_turns():
    assert [plan(wire="both").wire_of(place) for place in range(4)] == ["classic", "btauth"] * 2
    assert {plan(wire="btauth").wire_of(place) for place in range(4)} == {"btauth"}


def test_a_task_uid_is_the_same_within_a_run_and_differs_between_runs():
    first, second = plan(), plan()
    assert first.task_uid("a") == first.task_uid("a") != first.task_uid("b")
    assert first.task_uid("a") != second.task_uid("a")


def test_it_is_the_same_after_a_way_through_its_file():
    one = plan(loop_s=0.5, judge_url="http://h/v1")
    assert ArenaPlan.model_validate_json(one.model_dump_json()) == one
