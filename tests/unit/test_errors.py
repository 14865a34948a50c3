from logicnet.errors import STATUS, Reason, Refusal


def test_every_reason_has_a_status_that_is_an_error() -> None:
    assert set(STATUS) == set(Reason)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_a_refusal_carries_its_status_and_message() -> None:
    refusal = Refusal(Reason.OVER_QUOTA, "Quota of 2 used up.")
    assert (refusal.status, str(refusal)) == (429, "Quota of 2 used up.")
