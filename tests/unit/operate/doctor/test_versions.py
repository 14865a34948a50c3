"""What is installed, against what is required."""

from __future__ import annotations

import pytest

from logicnet.operate.doctor.checks.installation import findings
from logicnet.operate.doctor.context import Severity


@pytest.mark.parametrize(
    ("required", "says"),
    [
        ("bittensor>=9,<10", "logicnet needs bittensor <10,>=9, and 11."),
        ("no-such-thing>=1", "and it is not installed"),
    ],
)
def test_what_does_not_fit_is_named(required: str, says: str) -> None:
    (found,) = findings(["rich>=1", required])
    assert (found.severity, says in found.what) == (Severity.ERROR, True), found.what


def test_extras_are_nobodys_concern() -> None:
    (found,) = findings(["rich>=1", 'no-such-thing>=1; extra == "vllm"', 'nor-this; python_version < "3"'])
    assert found.severity is Severity.OK
    assert "bittensor 11." in found.what
