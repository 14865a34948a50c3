from __future__ import annotations

import io

from rich.console import Console

from logicnet.evals.report.terminal import print_run
from logicnet.evals.runs.run import read_run
from tests.unit.evals.report.runs import mixed, row, write_run


def printed(tmp_path, rows, width=200):
    out = io.StringIO()
    print_run(Console(file=out, width=width), read_run(write_run(tmp_path, rows)))
    return out.getvalue()


def test_a_reader_sees_figures_intervals_and_significance(tmp_path):
    text = printed(tmp_path, mixed())
    direct = next(line for line in text.splitlines() if line.startswith("│ direct "))
    assert "0.615 [0.587, 0.642] │ 0.250 [0.083, 0.417]" in direct
    assert "direct - race" in text
    assert "race is better" in text
    assert "not significant" in text
    assert "\x1b" not in text


def test_what_is_not_known_is_said(tmp_path):
    text = printed(tmp_path, mixed())
    assert "race: 4 answers undecided (only a judge could score them); 4 of 24 rewards not known" in text
    assert "Validator and truth disagree on" not in text
    parted = printed(tmp_path, [row(correctness=0.9, true=False), row(number=1, correctness=0.0, true=True)])
    assert "disagree on 2 answers: 1 wrong taken for right, 1 right taken for wrong" in parted


def test_names_are_not_taken_for_markup(tmp_path):
    assert "[red]x[/red]" in printed(tmp_path, [row("[red]x[/red]")])


def test_nothing_is_less_than_zero_by_a_hair(tmp_path):
    open_ = row(reward=None, reward_low=-1e-6, reward_high=0.9)
    assert "lies between 0.000 and 0.900" in printed(tmp_path, [open_])


def test_one_target_has_no_differences(tmp_path):
    assert "Differences" not in printed(tmp_path, [row()])
