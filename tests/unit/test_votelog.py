import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.votelog import MOST_TEXT, MOST_VOTES, SamplerVote, VoteLog, read_vote_log

NUMBERS = st.floats(0, 1e6, allow_nan=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VOTES = st.builds(SamplerVote, WORDS, WORDS, WORDS, st.none() | NUMBERS, NUMBERS, st.integers(0, 10_000))
VOTE_LOGS = st.builds(VoteLog, WORDS, st.lists(VOTES, max_size=4).map(tuple), WORDS, WORDS)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(VOTE_LOGS)
def test_a_vote_log_survives_json(vote_log: VoteLog) -> None:
    assert read_vote_log(vote_log) == vote_log
    assert read_vote_log(json.loads(json.dumps(vote_log.fields(), allow_nan=False))) == vote_log


@given(JSON | st.fixed_dictionaries({"kind": JSON, "lanes": st.lists(JSON)}))
def test_whatever_stands_in_a_file_is_a_trail_or_none(found: object) -> None:
    vote_log = read_vote_log(found)
    if vote_log is not None:
        json.dumps(vote_log.fields(), allow_nan=False).encode()


@pytest.mark.parametrize("found", [None, "reason", [], 3, {}, {"kind": "story"}, {"lanes": "reason"}])
def test_a_mapping_without_votes_is_refused(found: object) -> None:
    assert read_vote_log(found) is None


def test_a_trail_of_foreign_code_is_bounded_and_can_be_stored() -> None:
    vote = SamplerVote("reason", "x" * 10_000, "half \ud83d of an emoji", float("nan"), float("inf"), 10**400)
    vote_log = read_vote_log(VoteLog("story", (vote,) * 1000, note=b"no text"))  # type: ignore[arg-type]
    assert vote_log is not None
    assert len(vote_log.votes) == MOST_VOTES
    assert vote_log.votes[0] == SamplerVote("reason", "x" * MOST_TEXT, "half ? of an emoji", None, 0.0, 0)
    assert vote_log.note == ""
    json.dumps(vote_log.fields(), allow_nan=False).encode()
