from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.challenges.recipe import changed, read_recipe
from logicnet.evals.challenges.sets import make

REPOSITORY = Path(__file__).parents[4]

GOOD = """
name = "one"
count = 3
[[sources]]
use = "mathgenerator"
kinds = ["addition"]
"""


def written(tmp_path, text):
    path = tmp_path / "one.toml"
    path.write_text(text)
    return path


def test_what_is_not_said_has_a_default(tmp_path):
    recipe = read_recipe(written(tmp_path, GOOD))
    assert (recipe.seed, recipe.split, recipe.sources[0].weight) == (0, "all", 1.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("count = 3", ""), "count: is missing; takes a whole number from 1"),
        (("count = 3", "count = 0"), "count: takes a whole number from 1 to 100000; got 0"),
        (("count = 3", "count = 2.5"), "count: takes a whole number from 1 to 100000; got 2.5"),
        (("count = 3", 'count = "3"'), "count: takes a whole number from 1 to 100000; got '3'"),
        (("count = 3", "count = 3\nseed = -1"), "seed: takes a whole number from 0; got -1"),
        (("count = 3", "count = 3\nsplit = 'half'"), "split: takes all, train or test; got 'half'"),
        (("count = 3", "count = 3\nweights = 1"), "weights: is unknown; known keys: name, seed, count"),
        (("[[sources]]", "[sources]"), "sources: takes one or more tables [[sources]]"),
        (("use =", "used ="), "source 1, use: takes mathgenerator, reasoning-gym or file"),
        (('"mathgenerator"', '"mathgen"'), "source 1, use: takes mathgenerator, reasoning-gym or file"),
        (('"mathgenerator"', '"file"'), "source 1, kinds: is unknown; known keys: weight, use, path"),
        (('["addition"]', '"addition"'), "source 1, kinds: takes a list of kinds or topics"),
        (('["addition"]', "[1]"), "source 1, kind 1: takes a list of kinds or topics"),
        (
            ("addition", "adition"),
            "source 1, kinds: 'adition' is no kind or topic of mathgenerator; did you mean",
        ),
        (("addition", "harmonic_mean"), "source 1, kinds: 'harmonic_mean' is left out: its truth"),
        (("kinds =", "weight = 0\nkinds ="), "source 1, weight: takes a number above 0; got 0"),
        (("kinds =", "weight = nan\nkinds ="), "source 1, weight: takes a number above 0; got nan"),
        (("kinds =", "difficulty = 1.5\nkinds ="), "source 1, difficulty: takes a whole number from 0 to 10"),
        (("kinds =", "level = 1\nkinds ="), "source 1, level: is unknown; known keys: weight, use, kinds"),
        (("count = 3", "count ="), "not TOML (Invalid value (at line 3, column 8))"),
    ],
)
def test_a_bad_recipe_is_one_line_with_file_key_and_what_it_takes(tmp_path, change, says):
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(SettingsError) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: {says}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"name = '\xff'", "not UTF-8 text"), (b"", "name: is missing")],
)
def test_no_recipe_at_all(tmp_path, content, says):
    path = tmp_path / "one.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=says):
        read_recipe(path)


def test_a_changed_recipe_is_checked_again(tmp_path):
    path = written(tmp_path, GOOD)
    recipe = read_recipe(path)
    assert changed(recipe, path, count=None, seed=7).seed == 7
    with pytest.raises(SettingsError, match="count: takes"):
        changed(recipe, path, count=10**6)


@pytest.mark.parametrize(("name", "least"), [("easy", 120), ("mixed", 200), ("sentences", 128)])
def test_the_recipes_of_the_repository_can_be_made(name, least):
    recipe = read_recipe(REPOSITORY / "recipes" / f"{name}.toml")
    assert recipe.name == name
    problems = make(recipe).problems
    assert len(problems) == recipe.count >= least
    assert (
        len({problem.question for problem in problems})
        == len({problem.id for problem in problems})
        == recipe.count
    )


def test_no_question_that_is_reported_was_there_to_tune_on():
    easy, held_out = (
        {problem.question for problem in make(read_recipe(REPOSITORY / "recipes" / name)).problems}
        for name in ("easy.toml", "held_out.toml")
    )
    assert not easy & held_out


def test_the_easy_one_is_easy():
    problems = make(read_recipe(REPOSITORY / "recipes" / "easy.toml")).problems
    assert max(len(problem.question) for problem in problems) < 700
    assert max(len(problem.truth) for problem in problems) < 30
    assert sum(problem.check.by == "number_is" for problem in problems) > 0.8 * len(problems)
