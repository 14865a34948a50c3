import pytest
from rich.console import Console

from logicnet.arena.client import Reply
from logicnet.challenges import Problem
from logicnet.demo.table import Asked, same_number, table_of


@pytest.mark.parametrize(
    ("answer", "truth", "same"),
    [
        ("4", "4", True),
        (" $4$. ", "4", True),
        ("4.0", "4", True),
        ("1,080", "1080", True),
        ("**7**", "7", True),
        ("2 + 2 = 4", "4", True),
        ("2 + 2 = 5", "4", False),
        ("-4", "4", False),
        ("5", "4", False),
        ("the answer is 4", "4", False),
        ("", "4", False),
    ],
)
def test_same_number(answer, truth, same):
    assert same_number(answer, truth) is same


def asked(answer="4", *, success=True, message=""):
    reply = Reply(success, 2.25, 200, {"logic_answer": answer}, message)
    return Asked(Problem("What is 2+2?", "4"), "alice", "classic", reply)


def test_in_time_is_said_apart_from_right():
    assert (asked("5").in_time, asked("5").right) == (True, False)
    assert (asked(" ").in_time, asked(success=False).in_time) == (False, False)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_shows_each_question(width):
    console = Console(width=width)
    with console.capture() as shown:
        console.print(table_of([asked(), asked("", success=False, message="[b]none"), asked("x" * 500)]))
    lines = shown.get().splitlines()
    assert all(len(line) <= width for line in lines)
    first, second, third = (line for line in lines if "alice" in line)
    assert first.split() == ["alice", "classic", "What", "is", "2+2?", "4", "4", "2.2", "yes", "yes"]
    assert "([b]none)" in second
    assert "NO" in second
    assert "xxx" in third
    assert shown.get().count("x") <= 45
