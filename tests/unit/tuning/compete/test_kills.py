"""kill -9 of a process that commits, or waits to: the next one waits as long, and sends nothing twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.committing import KeptChain
from tests.harness.tiny_models import ROOT


def start(folder: Path, name: str, number: int, *kill: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.harness.committing", folder, name, str(number), *kill]
    given = os.environ | {"BTCLI_TOKEN_SYMBOLS_CACHE": str(folder / "symbols.json")}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=given, stdout=pipe, stderr=pipe, text=True)


def commit(folder: Path, name: str, number: int, *kill: str) -> tuple[int, str]:
    """Exit status and last line of a process that commits."""
    process = start(folder, name, number, *kill)
    told, log = process.communicate(timeout=300)
    return process.returncode, (told or log).strip().rpartition("\n")[2]


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


@pytest.mark.thorough
def test_a_kill_while_the_bytes_of_an_epoch_are_waited_for(tmp_path: Path, name: str = "m1") -> None:
    kept = KeptChain(tmp_path / "chain.json")
    kept.space = 110  # one commitment an epoch
    kept.keep()
    assert commit(tmp_path, name, 1) == (0, "committed")
    pass_blocks(tmp_path, 101)  # the 20 minutes are over, and the epoch is not
    waiting = "100 of 110 bytes of this epoch are used: the next begins at block 1350"
    held = (tmp_path / "chain.json").read_text()
    for _ in range(2):
        process = start(tmp_path, name, 2, "wait")
        assert process.stderr is not None
        log = next((line for line in process.stderr if "Waiting" in line), "")
        process.kill()
        process.communicate()
        assert waiting in log
        assert f"Waiting {12 * (1350 - 1102 + 1)} s" in log
        assert commit(tmp_path, name, 2) == (0, waiting)
        assert (tmp_path / "chain.json").read_text() == held  # nothing was sent
    pass_blocks(tmp_path, 1350 - 1102)
    for _ in range(2):
        assert commit(tmp_path, name, 2) == (0, "committed")
    kept = KeptChain(tmp_path / "chain.json")
    assert [field for _, field in kept.commits][1:] == [{"Raw100": f"0x{_text(2).hex()}"}]


def _text(number: int) -> bytes:
    return f"maker:model:{number:040x}:{'A' * 43}=:m1".encode()
