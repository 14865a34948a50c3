"""The table of adapters: what serves is proven, whatever is asked of it."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.improve.adapters import AdapterState, AdapterStore

PROOF = {"reward": 0.05, "low": 0.01, "high": 0.09, "questions": 240}


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "tuning")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What a trainer left."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"r": 16}')
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


def proven(store: AdapterStore, made: Path, base: str = "/models/smollm2") -> str:
    return store.prove(store.add(made, base, 1.0).name, PROOF).name


def test_each_version_has_a_name_and_a_folder_of_its_own(store, made):
    first, second = store.add(made, "/models/smollm2/", 1.0), store.add(made, "Qwen/smollm2", 2.0)
    assert [first.name, second.name] == ["smollm2-a1", "smollm2-a2"]
    assert first.folder != second.folder
    assert store.get("smollm2-a1") == first
    assert first.rank == 16
    first.check()


def test_an_adapter_whose_folder_changed_is_found(store, made):
    added = store.add(made, "m", 1.0)
    (added.folder / "adapter_model.safetensors").write_bytes(b"wei")  # as a full disk leaves it
    with pytest.raises(TuningError, match="train it again"):
        added.check()


def test_a_folder_that_cannot_be_copied_leaves_nothing(store, tmp_path):
    with pytest.raises(TuningError, match="cannot copy"):
        store.add(tmp_path / "nowhere", "m", 1.0)
    assert store.all() == []
    assert not list(store.root.glob(".*"))


def test_a_candidate_is_not_served(store, made):
    added = store.add(made, "m", 1.0)
    with pytest.raises(TuningError, match="is candidate: only a proven adapter is served"):
        store.serve(added.name, (), 2.0)
    assert store.serving() is None


def test_the_previous_one_serves_again_after_a_roll_back(store, made):
    first, second = proven(store, made), proven(store, made)
    store.serve(first, ("http://a/v1",), 2.0)
    store.serve(second, ("http://a/v1",), 3.0)
    assert store.previous().name == first
    assert store.roll_back("slower", 4.0).name == first
    assert (store.get(second).state, store.get(second).reason) == (AdapterState.ROLLED_BACK, "slower")
    assert store.roll_back("slower too", 5.0) is None
    assert store.serving() is None
    with pytest.raises(TuningError, match="nothing is rolled back"):
        store.roll_back("again", 6.0)


def test_a_roll_back_of_what_no_longer_serves_changes_nothing(store, made):
    first, second = proven(store, made), proven(store, made)
    store.serve(first, (), 2.0)
    store.serve(second, (), 3.0)
    with pytest.raises(TuningError, match="serves not"):
        store.roll_back("late words", 4.0, name=first)
    assert store.serving().name == second


def test_a_table_of_another_kind_is_left_alone(store, made):
    store.root.mkdir()
    sqlite3.connect(store.root / "adapters.sqlite").execute("CREATE TABLE other (a)").connection.close()
    with pytest.raises(TuningError, match="another version"):
        store.add(made, "m", 1.0)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_asked_at_most_one_serves_and_it_is_proven(store, made, seed):
    chance = random.Random(seed)
    for step in range(60):
        names = [one.name for one in store.all()]
        name = chance.choice(names) if names else "none"
        try:
            match chance.randrange(6):
                case 0:
                    store.add(made, "m", float(step))
                case 1:
                    store.prove(name, PROOF)
                case 2:
                    store.refuse(name, "it has no effect")
                case 3 | 4:
                    store.serve(name, (), float(step))
                case 5:
                    store.roll_back("worse", float(step))
        except TuningError:
            pass
        states = [one.state for one in store.all()]
        assert states.count(AdapterState.SERVING) <= 1
        assert states.count(AdapterState.PREVIOUS) <= 1
        assert all(
            one.proof == PROOF
            for one in store.all()
            if one.state not in (AdapterState.CANDIDATE, AdapterState.REFUSED)
        )
