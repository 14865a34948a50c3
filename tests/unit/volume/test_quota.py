import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.errors import Reason, Refusal
from logicnet.events import EpochCount
from logicnet.protocol import Hotkey
from logicnet.volume import quota as volume
from logicnet.volume.quota import VolumeBook, quotas

ALICE, BOB, CAROL = Hotkey("5Alice"), Hotkey("5Bob"), Hotkey("5Carol")
INTERVAL_S = 600.0
hotkeys = st.integers(0, 255).map(lambda number: Hotkey(f"5{number:03}"))


def book(restored: tuple[EpochCount, ...] = (), *, epoch_volume: int = 512) -> VolumeBook:
    return VolumeBook(epoch_volume, 10_000.0, INTERVAL_S, restored)


def shares(stakes: dict[Hotkey, float], epoch_volume: int, min_stake: float = 10_000.0) -> dict[Hotkey, int]:
    return quotas(stakes, epoch_volume=epoch_volume, min_stake=min_stake)


def used_up(epochs: VolumeBook, validator: Hotkey, quota: int, now_s: float) -> int:
    """Takes until it is refused; how many were given."""
    for count in range(10_000):
        try:
            epochs.take(validator, quota, now_s)
        except Refusal as refusal:
            assert refusal.reason is Reason.OVER_QUOTA
            return count
    raise AssertionError("no end")


# Quotas


def test_the_volume_is_shared_by_stake_and_rounded_down() -> None:
    stakes = {ALICE: 50_000.0, BOB: 30_000.0, CAROL: 20_000.0}
    assert shares(stakes, 99) == {ALICE: 49, BOB: 29, CAROL: 19}


def test_a_share_is_clamped_to_2_and_80() -> None:
    stakes = {ALICE: 1_000_000.0, BOB: 10_000.0}
    assert shares(stakes, 512) == {ALICE: 80, BOB: 5}
    assert shares(stakes, 100) == {ALICE: 80, BOB: 2}
    assert shares(stakes, 1) == {ALICE: 2, BOB: 2}


def test_who_is_below_the_stake_takes_no_share_and_has_2() -> None:
    assert shares({ALICE: 10_000.0, BOB: 9_999.99, CAROL: 0.0}, 60) == {ALICE: 60, BOB: 2, CAROL: 2}


def test_all_share_equally_if_nobody_has_the_stake() -> None:
    uids = {Hotkey(f"5{number}"): 100.0 for number in range(10)}
    assert set(shares(uids, 128).values()) == {12}
    assert set(shares(uids, 10).values()) == {2}
    assert set(shares(uids, 10_000).values()) == {80}
    assert shares({}, 512) == {}


def test_a_share_that_is_whole_is_not_rounded_below_itself() -> None:
    # In floats 30 * 0.1 / (0.1 + 0.1 + 0.1) is 9.999999999999998.
    assert shares({ALICE: 0.1, BOB: 0.1, CAROL: 0.1}, 30, min_stake=0.05) == {ALICE: 10, BOB: 10, CAROL: 10}


@pytest.mark.parametrize("stake", [float("nan"), float("inf"), float("-inf"), -1.0])
def test_a_stake_that_is_none_takes_no_share(stake: float) -> None:
    assert shares({ALICE: stake, BOB: 20_000.0}, 60) == {ALICE: 2, BOB: 60}


def test_without_a_least_stake_nobody_divides_by_zero() -> None:
    assert shares({ALICE: 0.0, BOB: 0.0}, 60, min_stake=0.0) == {ALICE: 30, BOB: 30}


@given(
    st.dictionaries(hotkeys, st.floats(0, 1e9), min_size=1, max_size=60),
    st.integers(1, 5000),
    st.floats(0, 1e6),
)
def test_quotas_cover_everybody_within_the_clamp_and_follow_stake(
    stakes: dict[Hotkey, float], epoch_volume: int, min_stake: float
) -> None:
    found = shares(stakes, epoch_volume, min_stake)
    assert found.keys() == stakes.keys()
    assert all(2 <= quota <= 80 for quota in found.values())
    by_stake = [found[hotkey] for hotkey in sorted(stakes, key=lambda hotkey: stakes[hotkey])]
    assert by_stake == sorted(by_stake)
    unclamped = [quota for quota in found.values() if quota > 2]
    assert sum(unclamped) <= epoch_volume


# Epochs


def test_an_epoch_opens_with_the_first_question_and_lasts_the_interval() -> None:
    epochs = book()
    assert epochs.open(ALICE, 3, 1000.0) == EpochCount(ALICE, 1000.0, 3, 0, 0)
    assert epochs.take(ALICE, 3, 1599.9) == EpochCount(ALICE, 1000.0, 3, 1, 0)
    assert epochs.take(ALICE, 3, 1600.0) == EpochCount(ALICE, 1600.0, 3, 1, 0)
    assert epochs.take(BOB, 5, 1234.0) == EpochCount(BOB, 1234.0, 5, 1, 0)


def test_over_quota_says_how_much_and_when_next_and_counts_nothing() -> None:
    epochs = book()
    assert used_up(epochs, ALICE, 2, 1000.0) == 2
    with pytest.raises(Refusal) as caught:
        epochs.take(ALICE, 2, 1100.5)
    assert caught.value.reason.status == 429
    assert caught.value.message == (
        "Your quota of 2 challenges in 600 s is used up; the next begins in 500 s."
    )
    assert epochs.open(ALICE, 2, 1100.5) == EpochCount(ALICE, 1000.0, 2, 2, 0)


def test_a_refusal_is_counted_and_takes_nothing_of_the_quota() -> None:
    epochs = book()
    assert epochs.refuse(ALICE, 2, 1000.0) == EpochCount(ALICE, 1000.0, 2, 0, 1)
    assert epochs.refuse(ALICE, 2, 1001.0) == EpochCount(ALICE, 1000.0, 2, 0, 2)
    assert used_up(epochs, ALICE, 2, 1002.0) == 2


def test_an_announced_quota_is_kept_though_stakes_move() -> None:
    epochs = book()
    epochs.open(ALICE, 5, 1000.0)
    assert epochs.take(ALICE, 2, 1001.0).announced == 5
    assert used_up(epochs, ALICE, 2, 1002.0) == 4
    assert epochs.open(ALICE, 2, 1600.0).announced == 2


def test_a_quota_that_grows_is_raised_at_once() -> None:
    """The reference validator recomputes it with each metagraph, and goes on to ask."""
    epochs = book()
    assert used_up(epochs, ALICE, 5, 1000.0) == 5
    assert epochs.take(ALICE, 7, 1001.0) == EpochCount(ALICE, 1000.0, 7, 6, 0)
    assert used_up(epochs, ALICE, 2, 1002.0) == 1


def test_beyond_the_quota_is_counted_with_the_rest() -> None:
    epochs = book()
    assert used_up(epochs, ALICE, 2, 1000.0) == 2
    assert epochs.take(ALICE, 2, 1001.0, over=True) == EpochCount(ALICE, 1000.0, 2, 3, 0)
    assert used_up(epochs, ALICE, 2, 1002.0) == 0
    with pytest.raises(Refusal):
        epochs.take(BOB, 0, 1003.0, over=True)


def test_an_announced_quota_is_kept_though_the_miner_restarts_with_another_volume() -> None:
    before = book()
    before.open(ALICE, 40, 1000.0)
    last = before.take(ALICE, 40, 1001.0)
    epochs = book((last,), epoch_volume=10)
    assert epochs.take(ALICE, 2, 1002.0) == replace(last, given=2)
    assert used_up(epochs, ALICE, 2, 1003.0) == 38
    assert used_up(epochs, ALICE, 2, 1600.0) == 2


def test_a_clock_that_jumps_back_mints_no_quota_and_locks_nobody_out() -> None:
    epochs = book()
    assert used_up(epochs, ALICE, 3, 1_000_000.0) == 3
    assert used_up(epochs, ALICE, 3, 5000.0) == 0
    assert used_up(epochs, ALICE, 3, 5599.0) == 0
    assert used_up(epochs, ALICE, 3, 5600.0) == 3


def test_an_epoch_restored_from_the_future_ends_an_interval_from_now() -> None:
    epochs = book((EpochCount(ALICE, 1e9, 3, 3, 0),))
    assert used_up(epochs, ALICE, 3, 5000.0) == 0
    assert used_up(epochs, ALICE, 3, 5600.0) == 3


moves = st.one_of(st.floats(-5000, 5000), st.floats(0, 30))


@given(
    st.lists(st.tuples(st.sampled_from(["open", "take", "refuse"]), moves, st.integers(2, 5)), max_size=80)
)
def test_however_the_clock_moves_quota_is_neither_minted_nor_lost(
    steps: list[tuple[str, float, int]],
) -> None:
    epochs = book()
    now_s, forward_s = 1_000_000.0, 0.0
    seen: dict[float, EpochCount] = {}
    for action, move_s, quota in steps:
        now_s += move_s
        forward_s += max(0.0, move_s)
        try:
            count = getattr(epochs, action)(ALICE, quota, now_s)
        except Refusal:
            count = epochs.open(ALICE, quota, now_s)
            assert count.given == count.announced
        before = seen.get(count.started_at_s, replace(count, given=0, refused=0))
        assert before.announced <= count.announced <= max(before.announced, quota)
        assert count.given >= before.given and count.refused >= before.refused
        assert count.given <= count.announced
        seen[count.started_at_s] = count
    assert len(seen) <= 1 + forward_s / INTERVAL_S
    epochs.open(ALICE, 2, now_s)
    assert used_up(epochs, ALICE, 2, now_s + INTERVAL_S) == 2


def test_ended_epochs_do_not_pile_up() -> None:
    epochs = book()
    for number in range(20_000):
        epochs.take(Hotkey(f"5{number}"), 2, 1000.0 + number)
    assert len(epochs) <= 2 * volume._SWEEP_AT
    assert used_up(epochs, Hotkey("519999"), 2, 21_000.0) == 1


def test_the_arithmetic_needs_neither_chain_nor_web_nor_database() -> None:
    unwanted = {
        "bittensor",
        "uvicorn",
        "sqlite3",
        "openai",
        "logicnet.chain",
        "logicnet.axon",
        "logicnet.ledger",
    }
    code = f"import sys, logicnet.volume.quota; print(sorted({unwanted!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
