"""Which kinds are practised, and how much."""

from collections import Counter

import pytest

from logicnet.tuning.improve.kinds import KindRecord, allotted, asked_shares, tallied


def test_what_is_wrong_and_not_computed_is_practised_most():
    counts = allotted(
        {
            "computed": KindRecord(0.25, computed=1.0),
            "right": KindRecord(0.25, right=100, seen=100),
            "wrong": KindRecord(0.25, right=0, seen=100),
            "unknown": KindRecord(0.25),
        },
        100,
    )
    assert sum(counts.values()) == 100
    assert counts["wrong"] > counts["unknown"] > counts["right"] == counts["computed"] > 0


def test_a_kind_that_nobody_asks_is_not_practised():
    assert allotted({"asked": KindRecord(1.0), "never": KindRecord(0.0)}, 10) == {"asked": 10}
    assert allotted({"never": KindRecord(0.0)}, 10) == {}


def test_the_ledger_decides_the_proportions_of_the_kinds():
    recipe = {"addition": 0.25, "gcd": 0.25, "leap": 0.5}
    drawn = {
        "addition": ["What is 3 + 4?"] * 2,
        "gcd": ["What is the GCD of 12 and 18?"] * 2,
        "leap": ["Is 1910 a leap year?"] * 2,
    }
    asked = Counter({"closed-expression": 30, "arithmetic-words": 10, "logic": 1000})
    shares = asked_shares(recipe, drawn, asked)
    assert shares == {"addition": 0.75, "gcd": 0.25, "leap": 0.0}
    assert asked_shares(recipe, drawn, Counter()) == recipe
    assert asked_shares(recipe, drawn, Counter({"logic": 5})) == recipe


def test_within_a_coarse_kind_the_recipe_decides():
    drawn = {"gcd": ["What is the GCD of 12 and 18?"], "lcm": ["What is the LCM of 12 and 18?"]}
    found = asked_shares({"gcd": 0.2, "lcm": 0.6}, drawn, Counter({"arithmetic-words": 7}))
    assert found == {"gcd": pytest.approx(0.25), "lcm": pytest.approx(0.75)}


def test_outcomes_are_counted_by_kind():
    assert tallied([("a", True), ("b", False), ("a", False)]) == {"a": (1, 2), "b": (0, 1)}
