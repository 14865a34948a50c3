"""What a validator takes for a trick, and what it does not."""

import subprocess
import sys

import pytest

from logicnet.scoring.tricks import MARKS, trick


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_counts_in_any_case(mark: str) -> None:
    assert mark == mark.lower()
    assert repr(mark) in (trick(f"It is 7. {mark.upper()}") or "")


@pytest.mark.parametrize("answer", ["{{ answer }}", "{{answer}}", "is {{ Answer }}?", "{{   answer\t}}"])
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


def test_a_solver_that_looks_for_tricks_loads_no_other_part_of_scoring() -> None:
    program = "import sys, logicnet.scoring.tricks; print(*(n for n in sys.modules if 'logicnet.' in n))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"logicnet.scoring", "logicnet.scoring.tricks"}
