import asyncio
import json
import threading

import pytest

from logicnet.cli import main
from logicnet.evals.challenges.sets import load
from tests.harness.scripted_model import ScriptedModel

NOBODY = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there

RECIPE = """
name = "tiny"
seed = 3
count = 6
[[sources]]
use = "mathgenerator"
kinds = ["addition", "square"]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def server():
    """A model server in a loop of its own, for a command brings its own loop."""
    loop = asyncio.new_event_loop()
    scripted = ScriptedModel(text=lambda body: "Well: " + body["messages"][-1]["content"])
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(scripted.__aenter__(), loop).result(10)
    yield scripted
    asyncio.run_coroutine_threadsafe(scripted.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_list_names_kinds_and_what_is_left_out(capsys):
    assert main(["challenges", "list"]) == 0
    said = capsys.readouterr().out
    for word in (
        "mathgenerator: 108 kinds",
        "addition",
        "harmonic_mean",
        "reasoning-gym: 55 kinds",
        "zebra_puzzles (0-2)",
    ):
        assert word in said


def test_list_as_json_of_one_source(capsys):
    assert main(["challenges", "list", "--json", "--source", "reasoning-gym"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["reasoning-gym"]
    assert found["reasoning-gym"]["topics"]["logic"]["zebra_puzzles"] == 2
    assert "sets" in found["reasoning-gym"]["left_out"]["word_ladder"]


def test_make_and_show(recipe, tmp_path, capsys):
    out = tmp_path / "tiny.jsonl"
    assert main(["challenges", "make", str(recipe), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 6 questions\n"
    assert main(["challenges", "show", str(out), "--n", "2"]) == 0
    said = capsys.readouterr().out
    assert "tiny: seed 3, split all, made with mathgenerator 1.5" in said
    assert "6  mathgenerator basic_math" in said
    assert said.count("=> ") == 2


def test_seed_and_count_can_be_given(recipe, tmp_path, capsys):
    out = tmp_path / "tiny.jsonl"
    assert main(["challenges", "make", str(recipe), "--out", str(out), "--seed", "4", "--count", "9"]) == 0
    found = load(out)
    assert (len(found.problems), found.recipe.seed, found.recipe.count) == (9, 4, 9)


def test_make_rephrased(recipe, tmp_path, capsys, server):
    out = tmp_path / "tiny.jsonl"
    words = [
        "challenges",
        "make",
        str(recipe),
        "--out",
        str(out),
        "--rephrase",
        "--endpoint",
        server.base_url,
    ]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{out}: 6 questions, 6 of them rephrased by scripted\n"
    found = load(out)
    assert found.rephrased_by == "scripted"
    assert all(problem.asked == f"Well: {problem.question}" for problem in found.problems)
    assert main(["challenges", "show", str(out)]) == 0
    assert "asked as: Well: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["make", "RECIPE", "--out", "OUT", "--rephrase"], 2, "--rephrase and --endpoint URL go"),
        (["make", "RECIPE", "--out", "OUT", "--endpoint", NOBODY], 2, "go together"),
        (["make", "RECIPE", "--out", "OUT", "--rephrase", "--endpoint", NOBODY], 1, "does not answer"),
        (["make", "RECIPE", "--out", "OUT", "--rephrase", "--endpoint", "nowhere"], 2, "--endpoint takes an"),
        (["make", "RECIPE"], 2, "--out"),
        (["make", "BAD", "--out", "OUT"], 2, "count: takes a whole number from 1 to 100000; got 'six'"),
        (["make", "LINES", "--out", "OUT"], 1, "1 broken line: 2 (not JSON); mend them, or"),
        (["make", "LINES", "--out", "OUT", "--seed", "1"], 2, "--seed and --count change a recipe"),
        (["make", "missing.toml", "--out", "OUT"], 2, "RECIPE: cannot read missing.toml: No such file"),
        (["show", "missing.jsonl"], 2, "FILE: cannot read missing.jsonl: No such file"),
        (["list", "--source", "gsm8k"], 2, "--source takes mathgenerator or reasoning-gym; got 'gsm8k'"),
        (["bake"], 2, "bake"),
    ],
)  # fmt: skip
def test_what_was_wrong_is_one_line(recipe, tmp_path, capsys, words, status, says):
    bad, lines, out = tmp_path / "bad.toml", tmp_path / "own.jsonl", tmp_path / "out.jsonl"
    bad.write_text(RECIPE.replace("6", "'six'"))
    lines.write_text('{"question": "What is 1+1?", "answer": "2"}\n{\n')
    named = {"RECIPE": recipe, "BAD": bad, "LINES": lines, "OUT": out}
    assert main(["challenges", *(str(named.get(word, word)) for word in words)]) == status
    said = capsys.readouterr().err.strip()
    assert says in said
    assert "\n" not in said
    assert not out.exists()


def test_skip_bad(tmp_path, capsys):
    (tmp_path / "own.jsonl").write_text('{"question": "What is 1+1?", "answer": "2"}\n{\n')
    out = tmp_path / "out.jsonl"
    assert main(["challenges", "make", str(tmp_path / "own.jsonl"), "--out", str(out), "--skip-bad"]) == 0
    assert len(load(out).problems) == 1
    assert capsys.readouterr().err == "passed over 1 broken line\n"
    (tmp_path / "own.toml").write_text(
        'name = "own"\ncount = 1\n[[sources]]\nuse = "file"\npath = "own.jsonl"\nskip_bad = true\n'
    )
    assert main(["challenges", "show", str(tmp_path / "own.toml")]) == 0
    assert capsys.readouterr().err == "passed over 1 broken line\n"
