import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.axon.nonces import COUNTING_UUIDS, NonceStore, is_timestamp
from logicnet.errors import LedgerError, Reason, Refusal
from logicnet.events import NonceAccepted
from logicnet.protocol import Hotkey
from tests.harness.axon import Clock

ALICE, BOB = Hotkey("5Alice"), Hotkey("5Bob")
S = 10**9
START = 1_795_226_147 * S


class Book:
    """A store on a clock of its own, started at START, a minute ago."""

    def __init__(self, restored: dict[str, int] | None = None) -> None:
        self.told: list[NonceAccepted] = []
        self.clock = Clock(START)
        self.uptime = Clock(0)
        self.store = NonceStore(
            "classic",
            self.told.append,
            restored=restored,
            clock_ns=self.clock,
            monotonic_ns=lambda: self.uptime.now_ns + self.clock.now_ns,
        )
        self.clock.pass_s(60)

    def step_clock_s(self, seconds: float) -> None:
        """Set the unix clock, as NTP does; no time passes."""
        self.clock.pass_s(seconds)
        self.uptime.pass_s(-seconds)

    @property
    def now(self) -> int:
        return self.clock.now_ns

    def use(self, nonce: int, hotkey: Hotkey = ALICE, uuid: str = "u", max_age_s: float = 68.0) -> None:
        self.store.check(hotkey, uuid, nonce, max_age_s)
        self.store.store(hotkey, uuid, nonce)

    def refuses(self, nonce: int, hotkey: Hotkey = ALICE, uuid: str = "u", max_age_s: float = 68.0) -> str:
        with pytest.raises(Refusal) as refused:
            self.use(nonce, hotkey, uuid, max_age_s)
        assert refused.value.reason is Reason.NOT_VERIFIED
        return refused.value.message


def test_a_fresh_timestamp_is_good_once() -> None:
    book = Book()
    book.use(book.now)
    assert "used before" in book.refuses(book.now)
    book.use(book.now + 1)


def test_a_used_timestamp_is_used_whatever_uuid_it_comes_with() -> None:
    book = Book()
    book.use(book.now, uuid="one")
    book.refuses(book.now, uuid="other")
    book.use(book.now, BOB)


def test_checking_uses_nothing_up() -> None:
    book = Book()
    book.store.check(ALICE, "u", book.now, 10)
    book.store.check(ALICE, "u", 5, 10)
    assert book.told == []
    book.use(book.now)
    book.use(5)


def test_storing_looks_again() -> None:
    book = Book()
    book.use(book.now)
    with pytest.raises(Refusal):
        book.store.store(ALICE, "u", book.now)
    book.use(5)
    with pytest.raises(Refusal):
        book.store.store(ALICE, "u", 5)


def test_timestamps_in_flight_may_arrive_in_any_order() -> None:
    book = Book()
    nonces = [book.now - i * 1000 for i in range(264)]
    for nonce in sorted(nonces, key=lambda nonce: nonce % 7919):
        book.use(nonce)
    for nonce in nonces:
        book.refuses(nonce)


@pytest.mark.parametrize("age_s", [0, 3.999, -59.999])
def test_a_timestamp_within_the_window_is_fresh(age_s: float) -> None:
    book = Book()
    book.use(book.now - int(age_s * S), max_age_s=4)


def test_a_timestamp_out_of_the_window_is_not() -> None:
    book = Book()
    assert "too old" in book.refuses(book.now - 4 * S - 1, max_age_s=4)
    assert "future" in book.refuses(book.now + 60 * S + 1)


def test_no_claim_makes_the_window_longer_than_68_s() -> None:
    book = Book()
    book.clock.pass_s(3600)
    book.use(book.now - 68 * S, max_age_s=1e9)
    assert "too old" in book.refuses(book.now - 68 * S - 1, max_age_s=1e9)


def test_a_timestamp_from_before_our_start_is_refused() -> None:
    book = Book()
    assert "start" in book.refuses(START - 1)
    book.use(START)


@pytest.mark.parametrize("step_s", [-3600.0, -30.0, 30.0, 3600.0])
def test_a_clock_that_is_put_right_after_our_start_refuses_nobody_honest(step_s: float) -> None:
    book = Book()
    book.step_clock_s(step_s)
    book.use(book.now - 1)
    assert "start" in book.refuses(book.now - 61 * S)
    book.use(book.now - 60 * S)


def test_after_a_restart_only_newer_timestamps_are_taken() -> None:
    ahead = START + 61 * S  # the caller's clock was ahead, or ours was set back
    book = Book({f"classic:{ALICE}:": ahead})
    assert "before this server's start" in book.refuses(ahead)
    book.refuses(ahead - 1)
    book.use(ahead + 1)
    book.use(ahead - 1, BOB)


def test_counters_must_grow_for_each_hotkey_and_uuid() -> None:
    book = Book()
    book.use(100)
    assert "higher" in book.refuses(100)
    book.refuses(99)
    book.use(101)
    book.use(1, uuid="other")
    book.use(1, BOB)


def test_counters_must_grow_across_a_restart() -> None:
    before = Book()
    before.use(100)
    before.use(102)
    after = Book({told.caller: told.nonce for told in before.told})
    after.refuses(102)
    after.use(103)
    after.use(1, uuid="other")


def test_what_must_survive_a_restart_is_told() -> None:
    book = Book()
    book.use(7)
    book.use(book.now)
    book.use(book.now - 5)  # not the highest: a restart refuses it for its age
    assert book.told == [
        NonceAccepted("classic:5Alice:u", 7),
        NonceAccepted("classic:5Alice:", book.now),
    ]


def test_a_hotkey_has_a_bounded_number_of_counting_uuids() -> None:
    book = Book({f"classic:{ALICE}:restored": 1})
    for i in range(COUNTING_UUIDS - 1):
        book.use(1, uuid=str(i))
    assert "Too many" in book.refuses(1, uuid="one more")
    book.use(2, uuid="0")
    book.use(2, uuid="restored")
    book.use(1, BOB, uuid="one more")
    book.use(book.now, uuid="one more")


def test_the_other_wires_nonces_are_not_ours() -> None:
    book = Book({f"btauth:{ALICE}:": START + 61 * S})
    book.use(START + 60 * S)


def test_a_ledger_that_cannot_be_understood_stops_the_start() -> None:
    with pytest.raises(LedgerError, match="wire:hotkey:uuid"):
        Book({"nonsense": 1})


def test_memory_does_not_grow_with_time() -> None:
    book = Book()
    for _ in range(1000):
        book.use(book.now)
        book.clock.pass_s(1)
    assert sum(len(used) for bucket in book.store._seen.values() for used in bucket.values()) <= 150


def test_setting_the_clock_back_revives_nothing() -> None:
    book = Book()
    used = book.now
    book.use(used)
    for _ in range(10):
        book.clock.pass_s(20)
        book.use(book.now)
    book.clock.now_ns = used
    book.refuses(used)
    book.refuses(used - S)


def test_it_is_a_store_for_bittensors_http_auth() -> None:
    book = Book()
    assert book.store.retention >= 12
    assert book.store.check_and_store(ALICE, book.now)
    assert not book.store.check_and_store(ALICE, book.now)


def test_a_timestamp_is_told_from_a_counter_by_its_size() -> None:
    century_of_uptime_in_s = 100 * 365 * 24 * 3600
    assert is_timestamp(START)
    assert not is_timestamp(century_of_uptime_in_s)
    assert not is_timestamp(31 * 365 * 24 * 3600 * S)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ALICE, BOB]),
            st.sampled_from(["u", "v"]),
            st.one_of(st.integers(0, 20), st.integers(-100, 3).map(lambda s: START + (60 + s) * S)),
            st.sampled_from([0.0, 1.0, 30.0, -30.0]),
        ),
        max_size=60,
    )
)
def test_nothing_is_ever_accepted_twice(tries: list[tuple[Hotkey, str, int, float]]) -> None:
    book = Book()
    accepted: set[tuple[Hotkey, str, int]] = set()
    for hotkey, uuid, nonce, passed_s in tries:
        book.clock.pass_s(passed_s)
        try:
            book.use(nonce, hotkey, uuid)
        except Refusal:
            continue
        assert (hotkey, uuid, nonce) not in accepted
        accepted.add((hotkey, uuid, nonce))
