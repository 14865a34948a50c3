"""What is offered, what is left out, and that a draw depends on its seed alone."""

import decimal
import importlib
import json
import random

import numpy
import pytest

from logicnet.evals.challenges._gym_kinds import KINDS as GYM_KINDS
from logicnet.evals.challenges.checks import CHECKS, GYM
from logicnet.evals.challenges.source import GENERATORS

KINDS = [(name, kind) for name, catalogue in GENERATORS.items() for kind in catalogue.kinds()]
SLOW = {"stationary_points", "zebra_puzzles", "countdown", "puzzle24"}


# The libraries take seconds to import: no worker does for a test that it does not run.


@pytest.fixture(scope="module")
def every():
    mathgenerator, factory = (importlib.import_module(n) for n in ("mathgenerator", "reasoning_gym.factory"))
    return {
        "mathgenerator": {generator[3] for generator in mathgenerator.genList},
        "reasoning-gym": {*factory.DATASETS},
    }


@pytest.fixture(scope="module")
def generators():
    return {name: catalogue.make() for name, catalogue in GENERATORS.items()}


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_is_offered_or_left_out_with_its_reason(every, name):
    catalogue = GENERATORS[name]
    offered, left_out = {*catalogue.kinds()}, {*catalogue.left_out}
    assert offered | left_out == every[name]
    assert not offered & left_out
    assert all(catalogue.left_out.values())


@pytest.mark.parametrize("name", GENERATORS)
def test_no_word_means_two_things(name):
    names = GENERATORS[name].names()
    assert len(names) == len({*names})


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_kind_draws_fair_questions(generators, name, kind):
    catalogue = GENERATORS[name]
    most = next(kinds[kind] for kinds in catalogue.levels.values() if kind in kinds)
    draw = generators[name].draw
    drawn = [draw(kind, seed, level) for level in {0, most} for seed in range(2 if kind in SLOW else 5)]
    problems = [problem for problem in drawn if problem is not None]
    assert problems
    for problem in problems:
        assert (problem.source, problem.kind) == (name, kind)
        assert problem.question == problem.question.strip() != ""
        assert "\n" not in problem.truth
        assert 0 < len(problem.truth) <= 160
        assert problem.question.count("$") % 2 == 0 or "dollar" in problem.question or name == "reasoning-gym"
        assert "{x}" not in problem.question
        assert "{n}" not in problem.question
        if problem.check is not None and problem.check.by != GYM:
            arguments = json.loads(json.dumps(problem.check.arguments))
            assert CHECKS[problem.check.by](problem.truth, problem.truth, **arguments)
            assert not CHECKS[problem.check.by]("banana", problem.truth, **arguments)


def test_a_draw_depends_on_its_seed_alone_and_disturbs_nobody(generators):
    gym, mathematics = generators["reasoning-gym"], generators["mathgenerator"]
    before = mathematics.draw("addition", 5), gym.draw("decimal_chain_sum", 5, 3)
    random.seed(1)
    numpy.random.seed(1)
    states = random.getstate(), numpy.random.get_state()[1].tolist(), decimal.getcontext().prec

    gym.draw("decimal_arithmetic", 9)  # leaves six digits of precision behind, if it may
    mathematics.draw("addition", 6)

    assert (random.getstate(), numpy.random.get_state()[1].tolist(), decimal.getcontext().prec) == states
    random.seed(2)
    assert (mathematics.draw("addition", 5), gym.draw("decimal_chain_sum", 5, 3)) == before
    assert mathematics.draw("addition", 6) != before[0]


def test_levels_get_harder_until_the_last(generators):
    gym = generators["reasoning-gym"]
    easy, hard = gym.draw("chain_sum", 1, 0), gym.draw("chain_sum", 1, 3)
    assert (easy.difficulty, hard.difficulty, gym.draw("chain_sum", 1, 9)) == (0, 3, hard)
    assert len(hard.question) > len(easy.question)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("harmonic_mean", lambda problem, truth: float(truth) > 100),  # of numbers up to 100
        (
            "data_summary",
            lambda problem, truth: float(truth.split("$")[3]) > float(truth.split("$")[5]) ** 1.5,
        ),
        (
            "power_rule_integration",
            lambda problem, truth: r"\frac" in truth and "{1}x^{2}" in truth,
        ),  # x^2 / 1
    ],
)
def test_what_is_left_out_as_wrong_is_wrong(kind, wrong):
    mathgenerator = importlib.import_module("mathgenerator")
    random.seed(4)
    draws = [getattr(mathgenerator, kind)() for _ in range(40)]
    assert any(wrong(problem.replace("$", ""), truth.strip("$")) for problem, truth in draws)


def test_the_sets_of_reasoning_gym_that_check_for_themselves_do_not_evaluate_answers(tmp_path):
    """No checker that is used may run what an answer says."""
    right = importlib.import_module("logicnet.evals.challenges._gym_check").right
    gym = GENERATORS["reasoning-gym"].make()
    witness = tmp_path / "ran"
    attack = f"__import__('pathlib').Path({str(witness)!r}).touch()"
    own = [name for kinds in GYM_KINDS.values() for name, one in kinds.items() if one.check == GYM]
    assert len(own) > 3
    for kind in own:
        problem = gym.draw(kind, 3)
        assert not right(attack, problem.truth, **problem.check.arguments)
        assert right(problem.truth, problem.truth, **problem.check.arguments)
    assert not witness.exists()
