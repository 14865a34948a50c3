"""Which answer goes out: the elected one, and where nobody is sure the best expected number."""

import random

from hypothesis import given
from hypothesis import strategies as st

from logicnet.scoring.correctness import by_text
from logicnet.solver.race.choosing import SURE, chosen
from logicnet.solver.race.trust import CHAT, WEAK, SamplerRecord, Trust, Vote
from logicnet.solver.race.votes import posterior

KIND = "story"
POOR = Trust([SamplerRecord(KIND, "reason", 1, 99)], WEAK)


def sent(answers: list[str], trust: Trust = POOR) -> str:
    votes = [Vote("reason", f"number:{answer}") for answer in answers]
    return chosen(votes, {vote.key: vote.key.partition(":")[2] for vote in votes}, trust, KIND)


def test_a_number_in_the_middle_is_sent_where_nobody_is_sure() -> None:
    assert sent(["3", "5000", "72", "80", "95"]) in ("number:72", "number:80")
    assert sent(["12", "12000", "11", "10"]) in ("number:10", "number:11", "number:12")
    # Two equal votes far from all others are still unlikely to be right.
    assert sent(["9000", "9000", "70", "72", "75", "80", "81"]) != "number:9000"


def test_zero_is_worth_what_its_chance_is() -> None:
    trust = Trust([SamplerRecord(KIND, "reason", 15, 85)], WEAK)
    answers = ["0", "0", "0", "0", "0", "5", "9"]
    found = posterior([Vote("reason", f"number:{answer}") for answer in answers], trust, KIND)
    assert found.chance < SURE  # else it were elected alone
    assert sent(answers, trust) == "number:0"
    assert [by_text("0", answer).score for answer in ("0", "5", "9")] == [1.0, 0.0, 0.0]
    assert sent(["0", "70", "72", "75", "80"], trust) == "number:72"  # a wrong 0 scores 0
    assert sent(["0", "0", "0"]) == "number:0"


def test_what_is_likely_is_never_replaced() -> None:
    for trust in (POOR, Trust(priors=CHAT)):
        assert sent(["9000"] * 12 + ["70", "72"], trust) == "number:9000"
    assert sent(["9000", "9000", "9000", "70"], Trust(priors=CHAT)) == "number:9000"


def test_answers_that_are_no_numbers_are_elected() -> None:
    votes = [Vote("reason", key) for key in ("words:ann", "number:5", "words:ann", "number:7", "number:9")]
    texts = {"words:ann": "Ann", "number:5": "5", "number:7": "7", "number:9": "9"}
    assert chosen(votes, texts, POOR, KIND) == "words:ann"
    assert chosen([], {}, POOR, KIND) == ""
    two = [Vote("reason", "number:5"), Vote("reason", "number:900")]
    assert chosen(two, {"number:5": "5", "number:900": "900"}, POOR, KIND) == posterior(two, POOR, KIND).best


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=16), st.sampled_from([POOR, Trust(priors=CHAT)]))
def test_what_is_sent_was_reached(numbers: list[int], trust: Trust) -> None:
    answers = [str(number) for number in numbers]
    assert sent(answers, trust).partition(":")[2] in answers


def test_it_earns_more_than_the_elected_one_where_votes_scatter_around_the_truth() -> None:
    """Truths and votes of a model that is never right, drawn by a fixed rule: paired, over 400 questions."""
    chance = random.Random(14)
    gain = 0.0
    for _ in range(400):
        truth = round(chance.lognormvariate(4.0, 1.0)) + 1
        answers = [str(max(1, round(truth * chance.lognormvariate(0.0, 1.0)))) for _ in range(8)]
        votes = [Vote("reason", f"number:{answer}") for answer in answers]
        elected = posterior(votes, POOR, KIND).best.partition(":")[2]
        best = sent(answers).partition(":")[2]
        scores = [by_text(str(truth), answer).score or 0.0 for answer in (best, elected)]
        gain += scores[0] - scores[1]
    assert gain / 400 > 0.05
