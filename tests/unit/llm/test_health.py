import pytest

from logicnet.errors import ModelAway, ModelError
from logicnet.llm._client import ModelRefused
from logicnet.llm.health import Health


def refusal(status: int) -> ModelRefused:
    return ModelRefused(f"the model server at h answered {status}", status, "")


def test_one_that_cannot_be_reached_is_out_at_once() -> None:
    health = Health()
    assert not health.open
    assert health.failed(ModelAway("the model server at h cannot be reached"), 5.0)
    assert (health.open, health.why, health.opened_s) == (
        True,
        "the model server at h cannot be reached",
        5.0,
    )
    assert not health.failed(ModelAway("still"), 6.0)
    assert (health.why, health.opened_s) == ("still", 5.0)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_one_that_would_refuse_the_next_too_is_out_at_once(status: int) -> None:
    assert Health().failed(refusal(status), 0.0)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_fault_of_the_request_is_not_its(status: int) -> None:
    health = Health()
    assert not any(health.failed(refusal(status), 0.0) for _ in range(10))
    assert not health.open


def test_three_in_a_row_are_no_chance() -> None:
    health = Health()
    broken = ModelError("the model server at h broke off its reply")
    assert [health.failed(broken, 0.0), health.failed(refusal(500), 1.0)] == [False, False]
    health.answered(2.0)
    assert [health.failed(broken, float(n)) for n in range(3)] == [False, False, True]


def test_only_what_was_asked_since_tells_that_it_is_back() -> None:
    health = Health()
    health.trip("stuck", 10.0)
    assert not health.answered(9.0) and health.open
    assert health.answered(10.5) and not health.open
    assert not health.answered(11.0)
