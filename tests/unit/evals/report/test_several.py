"""Several runs in one report: two models, or the same one on two days."""

from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.report.page import facts, title
from logicnet.evals.report.summary import differences
from logicnet.evals.report.write import run
from logicnet.evals.runs.run import Run, joined, read_rows, read_run
from tests.unit.evals.report.runs import row, write_run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    rows = [row("race", number, correctness=0.0, reward=0.5) for number in range(20)]
    return write_run(tmp_path / "small", rows, solvers=["race"], model="org/0.5b")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    rows = [row("race", number, correctness=1.0, reward=0.9 + number / 1000) for number in range(5, 25)]
    return write_run(tmp_path / "large", rows, solvers=["race"], model="org/7b")


def both(*paths: Path) -> Run:
    return joined([read_run(path) for path in paths])


def test_targets_of_two_runs_are_compared_on_what_both_asked(small: Path, large: Path) -> None:
    found = both(small, large)
    assert found.targets == ["small/race", "large/race"]
    (reward,) = [one for one in differences(found.rows, found.targets) if one.metric.name == "reward"]
    assert (reward.asked_both, reward.verdict) == (15, "large/race is better")
    assert reward.estimate.mean == pytest.approx(-0.412)


def test_the_head_says_in_what_they_differ(small: Path, large: Path) -> None:
    found = both(small, large)
    said = dict(facts(found))
    assert said["run"] == "small and large"
    assert said["model"] == "small: org/0.5b; large: org/7b"
    assert said["deadline"] == "64 s"  # of both
    assert title(found) == "Bench of small/race, large/race on 25 questions"


def test_the_report_goes_to_a_folder_of_its_own(small: Path, large: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--out: several runs need a folder"):
        run(small, others=[large])
    run(small, tmp_path / "both", others=[large])
    assert "large/race is better" in (tmp_path / "both" / "report.html").read_text()
    assert len(list(read_rows(tmp_path / "both" / "rows.jsonl"))) == 40
    for folder in (small, large):
        with pytest.raises(SettingsError, match=r"--out: .* is one of the runs|--out: .* holds a run"):
            run(small, folder, others=[large])
    assert sorted(path.name for path in small.iterdir()) == ["rows.jsonl", "run.json"]
    assert len(list(read_rows(large / "rows.jsonl"))) == 20


def test_one_run_does_not_replace_another(small: Path, large: Path) -> None:
    with pytest.raises(SettingsError, match="holds a run, whose rows would be lost"):
        run(small, large)


def test_runs_of_one_name_go_by_their_folders(small: Path, tmp_path: Path) -> None:
    again = write_run(tmp_path / "monday" / "small", [row("race", number) for number in range(3)])
    assert both(small, again).targets == [f"{small}/race", f"{again}/race"]


def test_a_run_is_not_compared_with_itself_nor_with_another_exam(small: Path, tmp_path: Path) -> None:
    for again in (small, small / ".." / "small"):
        with pytest.raises(SettingsError, match="is named twice"):
            both(small, again)
    other = write_run(tmp_path / "other", [row("race", number) for number in range(100, 110)])
    with pytest.raises(SettingsError, match="small and other have no question in common"):
        both(small, other)
