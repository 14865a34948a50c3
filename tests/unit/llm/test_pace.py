from hypothesis import given
from hypothesis import strategies as st

from logicnet.llm.health import MOST_S, TokenRate


def test_nothing_is_known_of_a_new_one() -> None:
    pace = TokenRate()
    assert pace.tokens_per_s is None
    assert pace.patience_s(1) == 5.0
    assert pace.patience_s(1) < pace.patience_s(64) <= MOST_S


def test_speed_is_of_late_calls_most() -> None:
    pace = TokenRate()
    pace.wrote(100, 10.0)
    assert pace.tokens_per_s == 10.0
    for _ in range(50):
        pace.wrote(100, 2.0)
    assert pace.tokens_per_s is not None and pace.tokens_per_s > 40


def test_a_load_that_makes_it_slow_is_waited_out() -> None:
    pace = TokenRate()
    for _ in range(30):
        pace.began(0.1, 1)
        pace.began(6.0, 32)
    assert pace.patience_s(1) == 2.0
    assert 6.0 < pace.patience_s(32) < 8.0
    assert pace.patience_s(64) > pace.patience_s(32), "more load than was ever seen"
    assert pace.patience_s(32, most_s=3.0) == 3.0


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(1, 500))), st.integers(1, 500))
def test_patience_has_bounds(seen: list[tuple[float, int]], load: int) -> None:
    pace = TokenRate()
    for seconds, at in seen:
        pace.began(seconds, at)
    assert 2.0 <= pace.patience_s(load) <= MOST_S
