"""The page of adapters: which serves, by what proof, and nothing of a stranger's words as HTML."""

from pathlib import Path

from logicnet.operate.console import adapters
from logicnet.tuning.improve.adapters import AdapterStore
from tests.harness.adapters import proven, trained

EVIL = "<script>alert(1)</script>"


def served(folder: Path) -> AdapterStore:
    """Two that were proven: one serves, and the other before it; one that was refused."""
    store = AdapterStore(folder / "tuning")
    for number in (1, 2):
        store.serve(proven(store, trained(folder / f"made-{number}")).name, (), float(number))
    store.refuse(store.add(trained(folder / "made-3"), EVIL, 3.0).name, EVIL)
    return store


def test_without_an_adapter_the_base_serves(tmp_path: Path):
    now = adapters.snapshot(AdapterStore(tmp_path / "none"))
    assert "the base serves" in adapters.table(now)
    assert "nothing to roll back" in adapters.serving(now)
    assert [one["data"] for one in adapters.rewards(now)["series"]] == [[], [], []]


def test_what_serves_is_shown_with_its_proof_and_what_comes_back(tmp_path: Path):
    now = adapters.snapshot(served(tmp_path))
    page = adapters.table(now) + adapters.serving(now)
    assert "<b>scripted-a2</b> serves. Its first hour is being watched." in page
    assert "scripted-a1 serves again" in page
    assert "reward +0.050 [+0.010, +0.090] on 240 questions" in page
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    gain, low, high = (one["data"] for one in adapters.rewards(now)["series"])
    assert (gain, low, high) == ([0.05, 0.05], [0.01, 0.01], [0.09, 0.09])


def test_a_table_that_cannot_be_read_is_said(tmp_path: Path):
    (tmp_path / "adapters.sqlite").write_bytes(b"not a database at all, but long enough to be one" * 20)
    page = adapters.table(adapters.snapshot(AdapterStore(tmp_path)))
    assert "cannot be read" in page
    assert str(tmp_path) in page
