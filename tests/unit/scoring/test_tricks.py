"""What a validator takes for a trick, and what it does not."""

import pytest

from logicnet.scoring import trick
from logicnet.scoring.tricks import MARKS


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_counts_in_any_case(mark: str) -> None:
    assert mark == mark.lower()
    assert repr(mark) in (trick(f"It is 7. {mark.upper()}") or "")


@pytest.mark.parametrize("answer", ["{{ answer }}", "{{answer}}", "is {{ Answer }}?"])
def test_templates(answer: str) -> None:
    assert trick(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "72",
        r"\frac{1}{2}",
        "x < 3",
        "the answer is 72",
        "{1, 2}",
        "{{1}, {2}}",
        ";",
        "3 / 4",
        "a preference for B",
    ],
)
def test_honest_answers_are_none(answer: str) -> None:
    assert trick(answer) is None
