from __future__ import annotations

import json
from pathlib import Path

import pytest

from logicnet._util.jsonl import BadFile
from logicnet.errors import SettingsError
from logicnet.evals.bench.plan import load_questions
from logicnet.evals.challenges.sets import write

RECIPE = """
name = "sums"
seed = 1
count = 9
[[sources]]
use = "mathgenerator"
kinds = ["addition", "subtraction"]
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    file = tmp_path / "sums.toml"
    file.write_text(RECIPE)
    return file


@pytest.fixture
def file(tmp_path) -> Path:
    lines = [json.dumps({"question": f"What is {n} + 1?", "answer": str(n + 1)}) for n in range(10)]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join([*lines, lines[0]]) + "\n")
    return path


def load_problems(*words, **more):
    return load_questions(*words, **more).problems


def test_a_recipe_has_its_own_count_and_seed(recipe):
    assert len(load_problems(recipe, None, None)) == 9
    assert load_problems(recipe, None, None) == load_problems(recipe, 9, 1)


def test_count_and_seed_replace_its_own(recipe):
    few = load_problems(recipe, 4, 7)
    assert len(few) == 4
    assert few == load_problems(recipe, 4, 7)
    assert few != load_problems(recipe, 4, 8)


def test_of_a_file_so_many_are_drawn_in_their_order(file):
    drawn = load_problems(file, 5, 3)
    assert drawn == load_problems(file, 5, 3)
    assert drawn != load_problems(file, 5, 4)
    numbers = [int(problem.truth) for problem in drawn]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 5


def test_a_question_that_stands_twice_in_a_file_is_asked_once(file):
    assert len(load_problems(file, None, None)) == 10
    with pytest.raises(SettingsError, match="has only 10 different questions"):
        load_problems(file, 11, None)


def test_broken_lines_are_named_and_passed_over_only_if_told(file, tmp_path):
    with file.open("a") as lines:
        lines.write('{"question": "What is left out?"}\n{\n')
    with pytest.raises(BadFile, match=r"2 broken lines: 12 \(.*\), 13 \(not JSON\); .* --skip-bad"):
        load_problems(file, None, None)
    assert len(load_problems(file, None, None, skip_bad=True)) == 10
    recipe = tmp_path / "own.toml"
    recipe.write_text('name = "own"\ncount = 4\n[[sources]]\nuse = "file"\npath = "own.jsonl"\n')
    with pytest.raises(BadFile):
        load_problems(recipe, None, None)
    assert len(load_problems(recipe, None, None, skip_bad=True)) == 4


def test_what_is_drawn_can_be_written_and_read_again(file, tmp_path):
    drawn = load_questions(file, 5, 3)
    write(drawn, tmp_path / "set.jsonl")
    assert load_problems(tmp_path / "set.jsonl", None, None) == drawn.problems


def test_without_a_file_there_are_questions_of_every_kind():
    problems = load_problems(None, 30, 35)
    assert len({problem.id for problem in problems}) == 30
    assert len({problem.kind for problem in problems}) == 30
