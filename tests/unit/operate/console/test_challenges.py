"""The pages of challenges: strangers' words, times, votes and sums."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from logicnet.ledger import Ledger
from logicnet.operate.console import challenges
from logicnet.operate.console.challenges import ChallengeQuery, about, form, results
from logicnet.operate.console.source import MinerSource, Scores
from logicnet.scoring.reward import reward_of, with_volume
from logicnet.votelog import SamplerVote, VoteLog
from tests.unit.ledger.facts import admitted, answered, epoch, hung_up, shadowed
from tests.unit.operate.console.scenes import NOW_S
from tests.unit.operate.console.test_panels import HOSTILE, Checked

FORMULA = r"Let $x = \frac{1}{2}$."


def shown(source: MinerSource, challenge_id: str, now_s: float = NOW_S) -> str:
    found = source.challenge(challenge_id)
    assert found is not None
    row, estimate = found
    text = about(row, estimate, source.epoch_volume, now_s)
    checked = Checked()
    checked.feed(text)
    checked.close()
    assert checked.open == [] and not checked.seen & {"script", "img"}
    assert not [name for name in checked.attributes if name.startswith("on")]
    return text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "l.sqlite"
    votes = (
        SamplerVote("exact", "n:4", "4", seconds=0.5),
        SamplerVote("reason", "n:5", HOSTILE, confidence=-0.1, seconds=3.0, tokens=120),
        SamplerVote("reason", "", seconds=9.0),
    )
    with Ledger.open(made) as ledger:
        for name, log in (("known", VoteLog("closed", votes, "n:4", "agreed")), ("unknown", None)):
            ledger.record(admitted(name, epoch(), question=f"{HOSTILE} {FORMULA}", at_s=NOW_S - 100))
            ledger.record(answered(name, seconds=12.0, answer=HOSTILE, reasoning=HOSTILE, vote_log=log))
        ledger.record(shadowed("known", answer=HOSTILE))
        ledger.record(admitted("gone", epoch(), at_s=NOW_S - 50))
        ledger.record(hung_up("gone", 9.0))
        ledger.record(admitted("now/?", epoch(), question=FORMULA * 900, at_s=NOW_S - 20))
    return made


def test_a_challenge_is_shown_with_its_votes_times_and_shadow(path: Path) -> None:
    with MinerSource(path) as source:
        text = shown(source, "known")
    assert "1 of 3 for the answer that was sent; question: closed; agreed." in text
    assert re.findall(r'<i class="(vote[^"]*)" style="left:([\d.]+)%', text) == [
        ("vote chosen", "0.82"),
        ("vote", "4.92"),
        ("vote", "14.75"),
    ]
    assert "Replied after 12.0 s of 60.0 s that are allowed; 3 votes, the first after 0.5 s" in text
    assert "90%" in text  # e ** -0.1 a token
    assert "race: solved in 1.5 s" in text
    assert "<mfrac>" in text and r"\frac{1}{2}" in text  # drawn, and as it was written


def test_the_sum_is_that_of_our_scoring(path: Path) -> None:
    with MinerSource(path, Scores(epoch_volume=256)) as source:
        known, unknown, gone = (shown(source, name) for name in ("known", "unknown", "gone"))

    def column(text: str, number: int) -> list[float]:
        rows = re.findall(r'<tr><th scope="row">.*?</tr>', text)
        return [float(re.findall(r'num">([+-][\d.]+)', row)[number]) for row in rows]

    assert "the answer was computed" in known and "validators do not publish it" in unknown
    for values, correctness in (
        (column(known, 0), 1.0),
        (column(unknown, 0), 1.0),
        (column(unknown, 1), 0.0),
    ):
        *parts, before, after = values
        assert sum(parts) / 2 + 0.5 == pytest.approx(before, abs=2e-3)
        assert before == pytest.approx(reward_of(correctness, 0.5, 12.0), abs=1e-3)
        assert after == pytest.approx(with_volume(before, 256), abs=1e-3)
    assert "the reward is 0.00" in gone and "<table" not in gone


def test_one_in_flight_has_the_time_that_passed_and_no_answer(path: Path) -> None:
    with MinerSource(path) as source:
        text = shown(source, "now/?")
        assert "Being solved since 20.0 s" in text and 'id="answer"' not in text
        assert text.count("<mfrac>") == 900
        assert "the miner was stopped before" in shown(source, "now/?", NOW_S + 1000)


def test_found_challenges_link_to_their_pages_and_to_older_ones(path: Path) -> None:
    query = ChallengeQuery(text=HOSTILE, span="week")
    with MinerSource(path) as source:
        found, _ = source.search(ChallengeQuery(span="week").search(NOW_S), 50)
    text = form(query, [HOSTILE]) + results(query, found, NOW_S - 70)
    checked = Checked()
    checked.feed(re.sub(r"<input[^>]*>", "", text))  # which has no end
    assert checked.open == [] and not checked.seen & {"script", "img"}
    assert re.findall(r'href="/challenges/([^"]*)"', text) == ["now%2F%3F", "gone", "unknown", "known"]
    (older,) = re.findall(r'class="older" href="/challenges\?([^"]*)"', text)
    given = dict(parse_qsl(older.replace("&amp;", "&")))
    assert ChallengeQuery.of(given) == ChallengeQuery(HOSTILE, span="week", until_s=NOW_S - 70)
    assert "No challenge in the last week fits" in results(query, [], None)
    assert "Search on" in results(query, [], NOW_S)


@pytest.mark.parametrize("until", ["nan", "inf", "x", "", "1e999"])
def test_an_address_that_is_not_understood_is_one_without_it(until: str) -> None:
    given = {"until": until, "outcome": "<b>", "span": "century", "text": " a "}
    assert ChallengeQuery.of(given) == ChallengeQuery(text="a")
    assert ChallengeQuery.of({}).search(NOW_S).since_s == NOW_S - 86_400
    assert set(challenges.OUTCOMES) >= {"solved", "late", "failed", "waited", "hung_up"}
