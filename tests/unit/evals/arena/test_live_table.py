"""What somebody sees of a run, in a pipe and on a terminal."""

import io

import pytest
from rich.console import Console

from logicnet.evals.arena.information import InformationReply
from logicnet.evals.arena.live_table import LiveTable, curve
from logicnet.evals.arena.standings import TargetTally
from logicnet.evals.runs.run import Row
from tests.unit.evals.conftest import plan_for, questions, scripted

PLAN = plan_for(scripted(0), scripted(1), rounds=2)


def row(target: str, number: int, round_: int = 1, **more: object) -> Row:
    fields = {"answer": "4", "process_time": 2.0, "status": 200, "scored": True}
    return Row(target=target, id=f"{number}", round=round_, question="?", ground_truth="4", **(fields | more))


def rewarded(target: str, number: int, low: float, high: float | None = None, round_: int = 1) -> Row:
    high = low if high is None else high
    reward = low if low == high else None
    return row(target, number, round_, reward=reward, reward_low=low, reward_high=high, correctness=1.0)


class Screen:
    def __init__(self, run: object, *, terminal: bool = False) -> None:
        self.file = io.StringIO()
        self.now_s = 0.0
        console = Console(file=self.file, force_terminal=terminal, width=200)
        self.board = LiveTable(run, console, clock=lambda: self.now_s)  # type: ignore[arg-type]

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()

    def line(self, *words: str) -> list[str]:
        """The words of the last line that begins with these."""
        (*_, last) = [line.split() for line in self.lines if line.split()[: len(words)] == [*words]]
        return last


@pytest.fixture
def screen(begin):
    return Screen(begin(PLAN, questions(3)))


def test_in_a_pipe_each_round_ends_with_its_table(screen):
    board = screen.board
    board.round_began(
        1, {"m0": InformationReply(512, 80), "m1": InformationReply(why="no Information: cannot connect")}, 2
    )
    assert "Round 1 of 2: m0 takes 512, 80 of them from this validator." in screen.lines
    assert "Round 1 of 2: m1 no Information: cannot connect." in screen.lines
    board.row(rewarded("m0", 1, 0.9))
    board.row(rewarded("m1", 1, 0.6))
    board.round_ended(1)
    assert ["m0", "1", "1", "1", "1.000", "-", "-", "2.00", "2.00", "2.00"] in map(str.split, screen.lines)
    assert screen.line("m0")[1:] == ["0.900", "1", "0.975", "0.503"]
    assert screen.line("m1")[-3:] == ["2", "0.963", "0.497"]


def test_what_is_undecided_is_shown_from_worst_to_best_and_why(screen):
    board = screen.board
    board.round_began(1, {}, 2)
    board.row(rewarded("m0", 1, 0.4, 0.9))
    board.row(rewarded("m1", 1, 0.6))
    board.round_ended(1)
    assert screen.line("m0")[-3:] == ["1-2", "0.963..0.975", "0.497..0.503"]
    (words,) = [line for line in board.last_words() if "undecided" in line]
    assert words.startswith("1 of 2 rewards are undecided")
    assert "--judge-url" in words and "--reference-url" in words


def test_weights_are_over_rounds_and_absence_earns_nothing(screen):
    board = screen.board
    for number in (1, 2):
        board.round_began(number, {}, 1)
        board.row(rewarded("m0", number, 0.9, round_=number))
        if number == 1:
            board.row(rewarded("m1", number, 0.6, round_=number))
        board.round_ended(number)
    assert screen.line("m0")[-1] == "0.670"  # 2 x 0.975 of 2 x 0.975 + 0.963
    assert screen.line("m1")[-3:] == ["-", "-", "0.330"]


def test_asked_and_by_chance_not_scored_is_as_if_the_round_had_not_been(screen):
    board = screen.board
    board.row(rewarded("m0", 1, 0.9))
    board.row(rewarded("m1", 1, 0.9))
    board.row(rewarded("m0", 2, 0.9, round_=2))
    board.row(row("m1", 2, 2, scored=False))
    board.round_ended(2)
    # Of five loops a weight is the mean of, m0 has two and m1 one.
    assert screen.line("m0")[-1] == "0.670"


def test_progress_is_a_line_now_and_then(screen):
    board = screen.board
    board.round_began(1, {}, 30)
    before = len(screen.lines)
    for number in range(25):
        screen.now_s += 1.0
        board.row(rewarded("m0", number, 0.9))
    assert [line.strip() for line in screen.lines[before:]] == [
        "round 1 of 2: asking, 20 replies to come",
        "round 1 of 2: asking, 10 replies to come",
    ]


def test_what_went_wrong_last_is_said_at_the_end(screen):
    screen.board.row(row("m1", 1, answer=None, error="no reply within 64 s", reward_low=0.0, reward_high=0.0))
    assert screen.board.last_words()[0] == "m1: 1 of 1 without a reply; last: no reply within 64 s"


def test_text_of_strangers_is_no_markup(begin):
    run = begin(plan_for(scripted()), questions(1))
    screen = Screen(run)
    screen.board.round_began(1, {"m0": InformationReply(why="no Information: 403 [bold]go away[/]")}, 0)
    assert "[bold]go away[/]" in screen.lines[0]


def test_on_a_terminal_a_table_lives(begin):
    screen = Screen(begin(PLAN, questions(3)), terminal=True)
    with screen.board as board:
        board.round_began(1, {"m0": InformationReply(512, 80)}, 1)
        board.row(rewarded("m0", 1, 0.9))
        board.waiting(5.0)
        board.stopping()
    shown = screen.file.getvalue()
    assert "Round 1 of 2" in shown and "m1" in shown
    assert "Ctrl-C again" in shown


def test_a_terminal_of_80_columns_shows_all_of_it(begin):
    run = begin(PLAN, questions(3))
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=80)
    board = LiveTable(run, console)
    board.round_began(1, {}, 2)
    board.row(rewarded("m0", 1, 0.4, 0.9))
    board.row(rewarded("m1", 1, 0.4, 0.8))
    console.print(board.tables())
    assert "\u2026" not in file.getvalue()
    assert "0.963..0.975" in file.getvalue()


def test_rows_of_before_count(begin):
    run = begin(PLAN, questions(3))
    run.add(rewarded("m0", 1, 0.9))
    screen = Screen(run)
    screen.board.round_ended(1)
    assert ["m0", "1"] in [line.split()[:2] for line in screen.lines]


def test_quantiles_are_of_those_who_answered():
    tally = TargetTally()
    assert tally.second(0.5) is None
    for number, seconds in enumerate((5.0, 1.0, 3.0, 64.0)):
        tally.add(row("m", number, process_time=seconds, answer=None if seconds == 64.0 else "x"))
    assert [tally.second(share) for share in (0.5, 0.95, 1.0)] == [3.0, 5.0, 5.0]


def test_the_curve_is_the_subnets():
    assert "rank 1 earns 0.975, 20 earns 0.754, 50 earns 0.486, 160 earns 0.090" in curve()
