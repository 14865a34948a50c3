import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.votelog import MOST_LANES, MOST_TEXT, LaneVote, Trail, read_trail

NUMBERS = st.floats(0, 1e6, allow_nan=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VOTES = st.builds(LaneVote, WORDS, WORDS, WORDS, st.none() | NUMBERS, NUMBERS, st.integers(0, 10_000))
TRAILS = st.builds(Trail, WORDS, st.lists(VOTES, max_size=4).map(tuple), WORDS, WORDS)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(TRAILS)
def test_a_trail_survives_json(trail: Trail) -> None:
    assert read_trail(trail) == trail
    assert read_trail(json.loads(json.dumps(trail.fields(), allow_nan=False))) == trail


@given(JSON | st.fixed_dictionaries({"kind": JSON, "lanes": st.lists(JSON)}))
def test_whatever_stands_in_a_file_is_a_trail_or_none(found: object) -> None:
    trail = read_trail(found)
    if trail is not None:
        json.dumps(trail.fields(), allow_nan=False).encode()


@pytest.mark.parametrize("found", [None, "reason", [], 3, {}, {"kind": "story"}, {"lanes": "reason"}])
def test_what_has_no_lanes_is_no_trail(found: object) -> None:
    assert read_trail(found) is None


def test_a_trail_of_foreign_code_is_bounded_and_can_be_stored() -> None:
    vote = LaneVote("reason", "x" * 10_000, "half \ud83d of an emoji", float("nan"), float("inf"), 10**400)
    trail = read_trail(Trail("story", (vote,) * 1000, note=b"no text"))  # type: ignore[arg-type]
    assert trail is not None
    assert len(trail.lanes) == MOST_LANES
    assert trail.lanes[0] == LaneVote("reason", "x" * MOST_TEXT, "half ? of an emoji", None, 0.0, 0)
    assert trail.note == ""
    json.dumps(trail.fields(), allow_nan=False).encode()
