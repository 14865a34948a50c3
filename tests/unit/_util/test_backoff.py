from logicnet._util.backoff import Backoff


def test_pauses_double_up_to_the_most_and_begin_anew_after_a_success() -> None:
    pauses = Backoff(1.0, 10.0, chance=lambda: 0.999999)
    assert [round(pauses.next_s()) for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    pauses.reset()
    assert round(pauses.next_s()) == 1


def test_chance_shortens_a_pause_by_a_half_at_most() -> None:
    assert Backoff(4.0, 10.0, chance=lambda: 0.0).next_s() == 2.0
    assert all(2.0 <= Backoff(4.0, 10.0).next_s() <= 4.0 for _ in range(100))


def test_a_pause_stays_at_the_most_however_often_it_is_asked_for() -> None:
    pauses = Backoff(2.0, 300.0, chance=lambda: 1.0)
    assert [pauses.next_s() for _ in range(9)] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0]
    assert {pauses.next_s() for _ in range(2000)} == {300.0}
