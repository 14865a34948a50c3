"""Readers of strangers' texts, fuzzed for a while; `make fuzz` does it for longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT
from tests.hard.conftest import Size

READERS = ("header", "body", "answer", "expression", "profile")


@pytest.mark.parametrize("reader", READERS)
def test_no_input_breaks_a_reader(reader: str, size: Size, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hard.fuzz", reader, str(size.fuzz_s), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^Done [1-9]\d* runs", done.stderr, re.MULTILINE)
