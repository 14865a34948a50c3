from __future__ import annotations

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.runs.run import BadRun, read_run
from tests.unit.evals.report.runs import row, write_run


def test_a_run_is_read_as_it_was_written(tmp_path):
    rows = [row("direct", 1), row("race", 1, answer=None, correctness=None, true=None)]
    run = read_run(write_run(tmp_path / "r", rows, solvers=["race", "direct"]))
    assert list(run.rows) == rows
    assert run.targets == ["race", "direct"]
    assert run.name == "r"


def test_targets_of_an_arena_are_called_as_its_rows_call_them(tmp_path):
    targets = [{"address": "10.0.0.1:8091", "label": None}, {"address": "10.0.0.2:8091", "label": "race"}]
    rows = [row("race", 1), row("10.0.0.1:8091", 1), row("somebody else", 1)]
    run = read_run(write_run(tmp_path, rows, targets=targets))
    assert run.targets == ["10.0.0.1:8091", "race", "somebody else"]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path):
    folder = write_run(tmp_path, [row(), row("race")])
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"target": "direct", "qu')
    assert len(read_run(folder).rows) == 2


@pytest.mark.parametrize("content", ["[]", "{", "\xff"])
def test_a_plan_that_is_none_is_an_error_in_one_line(tmp_path, content):
    folder = write_run(tmp_path, [row()])
    (folder / "run.json").write_text(content)
    with pytest.raises(BadRun, match=r"run\.json") as error:
        read_run(folder)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_run_says_what_one_is(tmp_path):
    with pytest.raises(SettingsError, match="name the --out"):
        read_run(tmp_path)


def test_a_run_without_rows_is_too_early(tmp_path):
    with pytest.raises(BadRun, match="no rows yet"):
        read_run(write_run(tmp_path, []))


def test_a_broken_line_is_named(tmp_path):
    folder = write_run(tmp_path, [row()])
    (folder / "rows.jsonl").write_text(row().line() + "\nnonsense\n")
    with pytest.raises(BadRun, match="line 2"):
        read_run(folder)
