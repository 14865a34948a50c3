import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from logicnet._util.jsonl import BadFile
from logicnet.cli import main
from logicnet.errors import LogicnetError, SettingsError
from logicnet.evals.challenges.recipe import Recipe
from logicnet.evals.challenges.sets import draw_by_kind, in_split, kinds_of, load, make, write

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

REPOSITORY = Path(__file__).parents[4]


def recipe(count=12, *, split="all", seed=1, sources=None):
    sources = sources or [{"use": "mathgenerator", "kinds": ["addition", "square", "is_prime"]}]
    return Recipe.model_validate(
        {"name": "t", "count": count, "seed": seed, "split": split, "sources": sources}
    )


def questions(challenges):
    return [problem.question for problem in challenges.problems]


def test_a_fresh_process_writes_the_same_bytes_as_this_one(tmp_path):
    """Here the hash seed is drawn, and other tests have used the generators."""
    there = tmp_path / "elsewhere"
    there.mkdir()
    settings = {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "HOME": str(there)}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **settings}
    make_40 = ["challenges", "make", str(REPOSITORY / "recipes" / "mixed.toml"), "--count", "40", "--out"]
    argv = [sys.executable, "-m", "logicnet", *make_40, str(tmp_path / "b")]
    assert main([*make_40, str(tmp_path / "a")]) == 0
    assert subprocess.run(argv, env=environment, cwd=there, timeout=120, check=False).returncode == 0
    written = (tmp_path / "a").read_bytes()
    assert written == (tmp_path / "b").read_bytes()
    assert written.count(b"\n") == 41


def test_a_set_comes_back_as_it_was_written(tmp_path):
    sources = [{"use": "mathgenerator"}, {"use": "reasoning-gym", "kinds": ["logic", "games"]}]
    made = make(recipe(30, sources=sources))
    write(made, tmp_path / "deep" / "set.jsonl")
    back = load(tmp_path / "deep" / "set.jsonl")
    assert back == made
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "set.jsonl"]
    head = json.loads((tmp_path / "deep" / "set.jsonl").read_text().splitlines()[0])
    assert Recipe.model_validate(head["recipe"]) == made.recipe


def test_seeds_give_other_questions():
    assert questions(make(recipe())) == questions(make(recipe()))
    assert questions(make(recipe())) != questions(make(recipe(seed=2)))


def test_weights_share_the_count_exactly_and_kinds_evenly():
    sources = [
        {"use": "mathgenerator", "kinds": ["addition", "subtraction"], "weight": 2},
        {"use": "mathgenerator", "kinds": ["gcd"], "weight": 0.5},
        {"use": "reasoning-gym", "kinds": ["chain_sum"], "weight": 0.5},
    ]
    kinds = Counter(problem.kind for problem in make(recipe(31, sources=sources)).problems)
    assert sorted(kinds.items()) in (
        [("addition", 10), ("chain_sum", 5), ("gcd", 5), ("subtraction", 11)],
        [("addition", 11), ("chain_sum", 5), ("gcd", 5), ("subtraction", 10)],
    )


def test_kinds_are_drawn_as_often_as_was_asked_and_no_oftener_than_there_are(tmp_path):
    (tmp_path / "own.jsonl").write_text('{"question": "How many days has a week?", "answer": 7}\n')
    sources = [
        {"use": "mathgenerator", "kinds": ["addition", "gcd"], "weight": 3},
        {"use": "reasoning-gym", "kinds": ["chain_sum"]},
        {"use": "file", "path": "own.jsonl"},
    ]
    one = recipe(sources=sources)
    assert kinds_of(one) == {"addition": 0.3, "gcd": 0.3, "chain_sum": 0.2, "own.jsonl": 0.2}
    counts = {"addition": 5, "gcd": 0, "chain_sum": 3, "own.jsonl": 4}
    drawn = draw_by_kind(one, counts, tmp_path)
    assert {kind: len(problems) for kind, problems in drawn.items()} == counts | {"own.jsonl": 1}
    train = draw_by_kind(recipe(sources=sources[:1], split="train"), {"gcd": 20})["gcd"]
    assert all(problem.kind == "gcd" and in_split(problem.question, "train") for problem in train)
    assert draw_by_kind(one, counts, tmp_path) == drawn


def test_nothing_is_asked_twice_even_from_two_sources():
    sources = [
        {"use": "mathgenerator", "kinds": ["factorial"]},
        {"use": "mathgenerator", "kinds": ["factorial"]},
    ]
    made = make(recipe(6, sources=sources))
    assert len({*questions(made)}) == 6
    with pytest.raises(
        LogicnetError, match=r"source 2 \(mathgenerator\) has only 3 different questions.*share is 4"
    ):
        make(recipe(8, sources=sources))


def test_train_and_test_share_no_question_whatever_the_seed():
    everything = [{"use": "mathgenerator", "kinds": ["square"]}]  # twenty questions in all
    train = {*questions(make(recipe(12, split="train", seed=1, sources=everything)))}
    test = {*questions(make(recipe(2, split="test", seed=9, sources=everything)))}
    assert not train & test
    shares = Counter(in_split(f"What is {number}?", "test") for number in range(5000))
    assert 0.18 < shares[True] / 5000 < 0.22
    assert in_split("What  is 7?", "test") == in_split("what is 7?", "test")


def test_files_are_mixed_in_and_their_bytes_are_told(tmp_path):
    rows = [{"question": f"What is {n} plus {n}?", "answer": f"It doubles.\n#### {2 * n}"} for n in range(40)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = [{"use": "file", "path": "own.jsonl"}, {"use": "mathgenerator", "kinds": ["addition"]}]
    made = make(recipe(20, sources=sources), tmp_path)
    assert Counter(problem.source for problem in made.problems) == {"file": 10, "mathgenerator": 10}
    sha256 = made.files["own.jsonl"]

    again = [{**sources[0], "sha256": sha256}, sources[1]]
    assert questions(make(recipe(20, sources=again), tmp_path)) == questions(made)
    with (tmp_path / "own.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(SettingsError, match="not the file of the recipe: its sha256 is"):
        make(recipe(20, sources=again), tmp_path)
    with pytest.raises(LogicnetError, match="only 40 different"):
        make(recipe(90, sources=sources), tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: [lines[0].replace('"challenges": 1', '"challenges": 2')], "line 1 is no head"),
        (lambda lines: lines[:1], "without a problem"),
        (
            lambda lines: [*lines[:2], lines[2].replace("truth", "trues")],
            r"1 broken line: 3 \(truth: field required\)",
        ),
        (
            lambda lines: [*lines[:2], lines[2].replace('"question": "', '"question": "Not ')],
            "3 .id: of another question",
        ),
        (lambda lines: [*lines[:2], "{", "[]"], r"2 broken lines: 3 \(not JSON\), 4 \(not a JSON object\)"),
        (
            lambda lines: [*lines[:2], lines[2].replace("number_is", "exec")],
            "3 .check: of a name that is not known",
        ),
    ],
)
def test_a_set_that_was_changed_is_refused(tmp_path, change, says):
    path = tmp_path / "set.jsonl"
    sources = [{"use": "mathgenerator", "kinds": ["addition"]}]
    write(make(recipe(3, sources=sources)), path)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(BadFile, match=says):
        load(path)


def test_a_set_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LogicnetError, match="cannot write"):
        write(make(recipe(1)), tmp_path / "file" / "set.jsonl")


def test_a_file_of_questions_is_a_set_too(tmp_path):
    (tmp_path / "own.jsonl").write_text('{"question": "What is 1+1?", "answer": 2}\n')
    found = load(tmp_path / "own.jsonl")
    assert (found.recipe, questions(found), found.problems[0].truth) == (None, ["What is 1+1?"], "2")
