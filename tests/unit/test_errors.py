import json

from logicnet.errors import Reason, Refusal


def test_every_reason_has_a_status_that_is_an_error() -> None:
    assert all(400 <= reason.status < 600 for reason in Reason)


def test_a_reason_is_its_word() -> None:
    assert Reason("over_quota") is Reason.OVER_QUOTA
    assert (Reason.OVER_QUOTA, str(Reason.OVER_QUOTA)) == ("over_quota", "over_quota")
    assert json.dumps(Reason.OVER_QUOTA) == '"over_quota"'


def test_a_refusal_carries_its_reason_and_message() -> None:
    refusal = Refusal(Reason.OVER_QUOTA, "Quota of 2 used up.")
    assert (refusal.reason.status, str(refusal)) == (429, "Quota of 2 used up.")
