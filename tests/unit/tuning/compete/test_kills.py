"""kill -9 between sending a commitment and knowing: the next process sends nothing twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.committing import KeptChain
from tests.harness.tiny_models import ROOT


def commit(folder: Path, name: str, number: int, *kill: str) -> tuple[int, str]:
    """Exit status and last line of a process that commits."""
    words = [sys.executable, "-m", "tests.harness.committing", folder, name, str(number), *kill]
    given = os.environ | {"BTCLI_TOKEN_SYMBOLS_CACHE": str(folder / "symbols.json")}
    done = subprocess.run(
        words, cwd=ROOT, env=given, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, (done.stdout or done.stderr).strip().rpartition("\n")[2]


def pass_blocks(folder: Path, blocks: int) -> int:
    """Returns how many commitments the chain has seen for the hotkey: its block, or 0."""
    kept = KeptChain(folder / "chain.json")
    kept.pass_blocks(blocks)
    kept.keep()
    return len(json.loads((folder / "chain.json").read_text())["committed"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["m1", "reason-mining"])
def test_a_kill_after_the_chain_took_it(tmp_path: Path, name: str) -> None:
    assert commit(tmp_path, name, 1, "after")[0] == -9
    held = (tmp_path / "chain.json").read_text()
    assert commit(tmp_path, name, 1) == (0, "committed")
    assert (tmp_path / "chain.json").read_text() == held  # nothing was sent
    code, said = commit(tmp_path, name, 2)
    if name == "m1":
        assert (code, "one commitment in 20 minutes" in said) == (0, True)
        pass_blocks(tmp_path, 101)
        assert commit(tmp_path, name, 2) == (0, "committed")
    else:
        assert (code, "a second commitment makes it invalid for ever" in said) == (1, True)
        assert (tmp_path / "chain.json").read_text() == held


@pytest.mark.thorough
def test_a_kill_before_the_chain_took_it(tmp_path: Path, name: str = "m1") -> None:
    assert commit(tmp_path, name, 1, "before")[0] == -9
    code, said = commit(tmp_path, name, 1)
    assert (code, "the chain shows nothing of it yet" in said) == (0, True), said
    assert pass_blocks(tmp_path, 41) == 0
    assert commit(tmp_path, name, 1) == (0, "committed")
    assert pass_blocks(tmp_path, 0) == 1
