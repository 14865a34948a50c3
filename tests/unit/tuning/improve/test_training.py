"""What a candidate carries: the profile by which it is asked."""

from pathlib import Path

import pytest

from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.tuning.improve.practice import without_examples
from logicnet.tuning.improve.training import write_profile


@pytest.mark.parametrize("profile", load_profiles(), ids=lambda one: one.name)
def test_the_profile_of_a_candidate_is_read_as_it_was_written(tmp_path: Path, profile: Profile):
    bare = without_examples(profile)
    write_profile(bare, tmp_path)
    found = profile_for("smollm2-a1", load_profiles(tmp_path / "profile.toml"))
    assert found == bare.model_copy(update={"models": ("*",), "but_not": ()})
    assert (found.reason.examples, found.program.examples) == (0, 0)
