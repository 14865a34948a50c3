"""Progress reads what a trainer appended, whatever else is in the file."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest

from logicnet.tuning.progress import MOST_POINTS, Progress, write_attempt


def say(folder: Path, kind: str, at: float = 0.0, **facts: Any) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"at": at, "kind": kind, **facts}) + "\n")


def steps(folder: Path, first: int, last: int, pace_s: float = 2.0) -> None:
    with (folder / "events.jsonl").open("a") as file:
        for step in range(first, last + 1):
            event = {
                "at": step * pace_s,
                "kind": "step",
                "step": step,
                "loss": 1 / step,
                "lr": 1e-3,
                "epoch": 0.1,
            }
            file.write(json.dumps(event) + "\n")


def read(folder: Path) -> Progress:
    progress = Progress(folder)
    progress.read()
    return progress


def test_a_folder_without_events_has_none(tmp_path):
    progress = read(tmp_path)
    assert (progress.events, progress.eta_s, progress.best) == (0, None, None)
    assert progress.shown()["step"] == 0


def test_what_is_left_takes_the_pace_of_the_last_reports(tmp_path):
    say(tmp_path, "started", steps=100, resumed_from=None, device="cpu")
    steps(tmp_path, 1, 40)
    progress = read(tmp_path)
    assert (progress.seconds_a_step, progress.eta_s) == (2.0, 120.0)


def test_only_what_is_new_is_read(tmp_path):
    progress = Progress(tmp_path)
    steps(tmp_path, 1, 3)
    assert progress.read() == 3
    steps(tmp_path, 4, 5)
    assert (progress.read(), progress.read(), progress.step) == (2, 0, 5)


def test_a_line_is_read_once_it_is_whole(tmp_path):
    progress = Progress(tmp_path)
    line = json.dumps({"at": 1, "kind": "step", "step": 7, "loss": 0.5}) + "\n"
    for part in (line[:9], line[9:-1]):
        with (tmp_path / "events.jsonl").open("a") as file:
            file.write(part)
        assert progress.read() == 0
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write("\n")
    assert (progress.read(), progress.step) == (1, 7)


def test_a_line_that_a_death_tore_costs_only_itself(tmp_path):
    steps(tmp_path, 1, 2)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"at": 3, "kind": "st')
    write_attempt(tmp_path, 2, 60.0, 4.0)
    steps(tmp_path, 3, 3)
    progress = read(tmp_path)
    assert (progress.broken, progress.step, progress.attempt, progress.limit_s) == (0, 3, 2, 60.0)


def test_a_start_that_cuts_a_torn_line_off_disturbs_no_reader(tmp_path):
    progress = Progress(tmp_path)
    steps(tmp_path, 1, 2)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"at": 3, "kind": "warning", "message": "' + "w" * 500)
    progress.read()
    write_attempt(tmp_path, 2, None, 4.0)
    assert (progress.read(), progress.attempt, progress.step, progress.broken) == (1, 2, 2, 0)


def test_a_line_beyond_all_bounds_is_passed(tmp_path):
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write("x" * 2_500_000 + "\n")
    steps(tmp_path, 1, 2)
    progress = read(tmp_path)
    assert (progress.step, progress.broken > 0) == (2, True)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b'"step"',
        b"{}",
        b"\x00\xff\xfe",
        b"[" * 100_000,
        b'{"at": 1, "kind": 5}',
        b'{"at": "x", "kind": "step"}',
        b'{"at": NaN, "kind": "step", "step": 9}',
        b'{"at": 1, "kind": "step"}',
        b'{"at": 1, "kind": "step", "step": "many"}',
        b'{"at": 1, "kind": "step", "step": Infinity}',
        b'{"at": 1, "kind": "eval", "step": 3}',
        b'{"at": 1, "kind": "ended", "reason": "bored"}',
        b'{"at": 1, "kind": "attempt", "number": null}',
        b'{"at": 1, "kind": "started", "steps": []}',
    ],
)
def test_a_broken_line_is_counted_and_left_out(tmp_path, line):
    steps(tmp_path, 1, 2)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(line + b"\n")
    say(tmp_path, "warning", message="after")
    progress = read(tmp_path)
    assert (progress.broken, progress.step, progress.events, list(progress.warnings)) == (1, 2, 3, ["after"])


def test_an_event_of_an_unknown_kind_is_a_sign_of_life(tmp_path):
    say(tmp_path, "read", at=5.0)
    say(tmp_path, "shown", at=6.0)
    progress = read(tmp_path)
    assert (progress.events, progress.broken, progress.last_s) == (2, 0, 6.0)


def test_a_file_that_became_shorter_is_read_again(tmp_path):
    progress = Progress(tmp_path)
    steps(tmp_path, 1, 50)
    progress.read()
    (tmp_path / "events.jsonl").unlink()
    assert (progress.read(), progress.step) == (0, 0)
    steps(tmp_path, 1, 2)
    assert (progress.read(), progress.step, len(progress.curve)) == (2, 2, 2)
    (tmp_path / "events.jsonl").write_text("")
    assert (progress.read(), progress.step) == (0, 0)


def test_a_long_curve_is_thinned_evenly(tmp_path):
    steps(tmp_path, 1, 5000)
    curve = read(tmp_path).curve
    assert MOST_POINTS // 2 <= len(curve) <= MOST_POINTS
    gaps = {second[0] - first[0] for first, second in itertools.pairwise(curve)}
    assert len(gaps) == 1
    assert (curve[0], curve[-1][0] > 4900) == ((1, 1.0), True)


def test_steps_after_the_checkpoint_are_done_again(tmp_path):
    say(tmp_path, "started", steps=10, resumed_from=None, device="cpu")
    steps(tmp_path, 1, 8)
    say(tmp_path, "eval", step=8, loss=0.2, best=True)
    write_attempt(tmp_path, 2, None, 20.0)
    say(tmp_path, "started", at=21.0, steps=10, resumed_from=5, device="cpu")
    progress = read(tmp_path)
    assert ([step for step, _ in progress.curve], progress.step) == ([1, 2, 3, 4, 5], 5)
    assert progress.best is None


def test_the_best_evaluation_is_the_last_that_was_called_so(tmp_path):
    for step, loss, best in ((1, 0.9, True), (2, 0.5, True), (3, 0.6, False)):
        say(tmp_path, "eval", step=step, loss=loss, perplexity=math.exp(loss), best=best)
    progress = read(tmp_path)
    assert progress.best is not None
    assert (progress.best.step, len(progress.evaluations)) == (2, 3)


def test_an_ending_is_that_of_the_last_start(tmp_path):
    write_attempt(tmp_path, 1, None, 0.0)
    say(tmp_path, "ended", reason="out_of_memory", message="8 rows")
    progress = read(tmp_path)
    assert (progress.ended is not None, progress.spoke) == (True, True)
    write_attempt(tmp_path, 2, None, 1.0)
    progress.read()
    assert (progress.ended, progress.spoke) == (None, False)


def test_time_between_starts_is_not_trained(tmp_path):
    write_attempt(tmp_path, 1, 500.0, 100.0)
    say(tmp_path, "step", at=160.0, step=1, loss=1.0)
    write_attempt(tmp_path, 2, 440.0, 10_000.0)
    say(tmp_path, "step", at=10_010.0, step=2, loss=1.0)
    progress = read(tmp_path)
    assert (progress.trained_s, progress.limit_s) == (70.0, 500.0)


def test_a_loss_that_is_no_number_is_shown_as_none(tmp_path):
    with (tmp_path / "events.jsonl").open("w") as file:
        file.write('{"at": 1, "kind": "step", "step": 3, "loss": NaN, "lr": Infinity}\n')
    progress = read(tmp_path)
    assert (progress.step, progress.curve) == (3, [])
    assert "NaN" not in json.dumps(progress.shown(), allow_nan=False)


def test_numbers_and_words_that_are_none_are_left_out(tmp_path):
    say(tmp_path, "started", steps=10, resumed_from=None, device="c\ud800pu")
    say(tmp_path, "step", step=4, loss=1.0)
    say(tmp_path, "step", step=10**400, loss=1.0)
    say(tmp_path, "step", step=-1, loss=1.0)
    say(tmp_path, "started", steps=10**400, resumed_from=None, device="cpu")
    say(tmp_path, "step", step=5, loss=10**400)
    say(tmp_path, "warning", message="\ud800" + "x" * 100_000)
    progress = read(tmp_path)
    assert (progress.step, progress.steps, progress.broken) == (4, 10, 4)
    shown = progress.shown()
    assert shown["device"] == "c?pu"
    assert len(json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()) < 20_000
