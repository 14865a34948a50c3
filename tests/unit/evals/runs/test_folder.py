"""What a run keeps, also when it is killed between any two lines."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.challenges.sets import ChallengeSet
from logicnet.evals.runs.folder import Begun, Intent, RunFolder, read_plan
from logicnet.evals.runs.run import BadRun, Row
from tests.unit.evals.conftest import plan_for, questions, scripted

PLAN = plan_for(scripted())
PROBLEMS = questions(3)
IDS = tuple(problem.id for problem in PROBLEMS)
BEGUN = Begun(10.5, IDS, {"m0": 3})


def intent(number: int) -> Intent:
    return Intent(1, "m0", IDS[number], "classic", 11.0)


def row(number: int) -> Row:
    return Row(target="m0", id=IDS[number], question="?", ground_truth="2")


def test_a_resumed_run_knows_what_was_asked_and_what_came_of_it(begin):
    with begin(PLAN, PROBLEMS) as run:
        run.begin_round(1, BEGUN, {"m0": {"quota": 80}})
        run.intend(intent(0))
        run.intend(intent(1))
        run.add(row(0))
    with RunFolder.resume(run.path, PLAN) as again:
        assert again.problems == tuple(PROBLEMS)
        assert again.rounds == {1: BEGUN}
        assert list(again.asked.values()) == [intent(0), intent(1)]
        assert again.in_flight() == [intent(1)]
        assert list(again.rows()) == [row(0)]
    assert read_plan(run.path, ArenaPlan) == PLAN


def test_a_round_that_went_on_counts_from_its_last_loop(begin):
    with begin(PLAN, PROBLEMS) as run:
        run.begin_round(1, BEGUN, {})
        run.begin_round(1, replace(BEGUN, at_s=700.0), {})
    with RunFolder.resume(run.path, PLAN) as again:
        assert again.rounds[1].at_s == 700.0


@pytest.mark.parametrize("name", ["journal.jsonl", "rows.jsonl"])
def test_a_torn_line_is_cut_off_and_the_next_one_is_whole(begin, name):
    with begin(PLAN, PROBLEMS) as run:
        run.begin_round(1, BEGUN, {})
        for number in (0, 1):
            run.intend(intent(number))
            run.add(row(number))
    file = run.path / name
    file.write_bytes(file.read_bytes()[:-5])
    with RunFolder.resume(run.path, PLAN) as again:
        again.intend(intent(2))
        again.add(row(2))
    with RunFolder.resume(run.path, PLAN) as third:
        assert intent(2) in third.asked.values()
        assert row(2) in list(third.rows())


@pytest.mark.thorough
def test_what_a_killed_process_had_written_is_there(tmp_path):
    script = f"""
import os, signal
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.challenges.sets import ChallengeSet
from tests.unit.evals.runs.test_folder import BEGUN, PLAN, PROBLEMS, intent, row
run = RunFolder.begin(__import__("pathlib").Path({str(tmp_path / "run")!r}), PLAN, ChallengeSet(PROBLEMS))
run.begin_round(1, BEGUN, {{}})
run.intend(intent(0)); run.add(row(0)); run.intend(intent(1))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -9
    plan = read_plan(tmp_path / "run", ArenaPlan)
    with RunFolder.resume(tmp_path / "run", plan) as again:
        assert again.in_flight() == [intent(1)]
        assert list(again.rows()) == [row(0)]


def test_two_arenas_do_not_share_a_run(begin):
    run = begin(PLAN, PROBLEMS)
    with pytest.raises(SettingsError, match="another arena or bench is at work"):
        RunFolder.resume(run.path, PLAN)


def test_a_run_is_not_begun_over_another(begin):
    begin(PLAN, PROBLEMS).close()
    with pytest.raises(SettingsError, match="--resume"):
        begin(PLAN, PROBLEMS)


def test_a_question_that_is_there_twice_is_asked_once(begin):
    run = begin(PLAN, [*PROBLEMS, PROBLEMS[0]])
    assert run.problems == tuple(PROBLEMS)


def test_where_there_is_no_run_there_is_nothing_to_go_on_with(tmp_path):
    with pytest.raises(SettingsError, match="there is no run in"):
        read_plan(tmp_path, ArenaPlan)


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write to"):
        RunFolder.begin(tmp_path / "file" / "run", PLAN, ChallengeSet(PROBLEMS))


@pytest.mark.parametrize("text", ["{", "{}", json.dumps({"solvers": ["direct"]})])
def test_the_plan_of_something_else_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadRun, match=r"run\.json: "):
        read_plan(tmp_path, ArenaPlan)


@pytest.mark.parametrize(
    "line", ["{}", '{"round": 1}', '{"asked": "a"}', '{"round": 1, "at": 1, "ids": "a"}']
)
def test_a_journal_with_a_strange_line_is_named(begin, line):
    run = begin(PLAN, PROBLEMS)
    run.close()
    with (run.path / "journal.jsonl").open("a") as journal:
        journal.write(line + "\n")
    with pytest.raises(BadRun, match=r"journal\.jsonl, line 1: "):
        RunFolder.resume(run.path, PLAN)
