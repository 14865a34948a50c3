"""The demo as a user runs it: ten answers, an end, and nothing left running, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logicnet.ledger import LedgerReader
from tests.e2e.conftest import ROOT, START_S, needed, processes_of, until

STAND_IN = """
import asyncio, sys
from tests.harness.scripted_model import Mode, ScriptedModel

async def serve():
    async with ScriptedModel(port=int(sys.argv[1]), mode=Mode.HANG_IN_TEXT):
        await asyncio.Event().wait()

asyncio.run(serve())
"""
WITHOUT_VLLM = f"""
import sys
from pathlib import Path
from logicnet.operate.demo import Stage, run
from logicnet._util.processes import Child
from logicnet.scoring import similarity

class WithoutVllm(Stage):
    def check(self):
        pass

    def start_vllm(self, port):
        argv = [sys.executable, "-c", {STAND_IN!r}, str(port)]
        return Child.start("the stand-in", argv, log=self.folder / "vllm.log")

similarity.at_hand = lambda: False
sys.exit(run(WithoutVllm(folder=Path(sys.argv[1]))))
"""


@contextmanager
def demo(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A running `logicnet demo` that writes to `folder`, and the file of what it says."""
    needed(ROOT / ".venv-vllm" / "bin" / "python")
    needed(ROOT / ".run" / "model" / "smollm2")
    with started(folder, "-m", "logicnet", "demo", "--folder", str(folder), *flags) as running:
        yield running


@contextmanager
def started(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    said = folder.parent / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ
            | {"LOGICNET_AXON__PORT": "1"},  # somebody's real miner: none of the demo's business
        )
        try:
            yield process, said
        finally:
            process.kill()
            process.wait()


async def test_ten_questions_over_both_wires_are_answered_in_time(tmp_path):
    folder = tmp_path / "demo"
    with demo(folder) as (process, said):
        status = process.wait(START_S)
    text = said.read_text()
    assert status == 0, text
    assert "10 of 10 answered in time" in text
    answers = [line for line in text.splitlines() if line.startswith(("  classic ", "  btauth "))]
    assert len(answers) == 10, text
    assert sum(" btauth " in answer for answer in answers) == 5
    assert sum("  computed  " in answer and "  right  " in answer for answer in answers) == 4, text
    assert sum("  model  " in answer for answer in answers) == 6, text
    assert "4 computed without the model, 4 of them right; 6 left to the model" in text
    # The arena's table, then that of `logicnet report`, then where the page is.
    rows = [line.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split() for line in text.splitlines()]
    tables = [row[1:] for row in rows if row[:1] == ["race"]]
    assert tables[0][:3] == ["10", "10", "10"], text
    assert tables[1][1:] == ["1", "0.975", "1.000"], text
    assert tables[2][:2] == ["10", "10"], text
    assert str(folder / "run" / "report.html") in text
    assert (folder / "run" / "report.html").stat().st_size > 500_000
    with LedgerReader.open(folder / "ledger.sqlite") as ledger:
        assert len(list(ledger.rows("challenges"))) == 10
        assert list(ledger.rows("refusals")) == []  # our own start is nobody's bad request
    await until(lambda: not processes_of(folder))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
async def test_interrupted_it_leaves_nothing_running(tmp_path, number, status):
    folder = tmp_path / "demo"
    with demo(folder) as (process, said):
        await until(lambda: "Starting vLLM" in said.read_text())
        # The engine is up:
        await until(lambda: any("VLLM" in one.info["name"] for one in processes_of(folder)))
        assert len(processes_of(folder)) >= 4  # the demo, vLLM's server and engine, the miner
        process.send_signal(number)
        assert process.wait(START_S) == status
        await until(lambda: not processes_of(folder))
    assert "Traceback" not in said.read_text()


async def test_interrupted_while_it_asks_it_ends_everything_too(tmp_path):
    """With a model server that never ends its answers in vLLM's place; the second run is over the first."""
    folder = tmp_path / "demo"
    for number in (signal.SIGINT, signal.SIGTERM):
        with started(folder, "-c", WITHOUT_VLLM, str(folder)) as (process, said):
            await until(lambda: "Round 1 of 1: race takes" in said.read_text())
            process.send_signal(number)
            assert process.wait(START_S) == 130
            await until(lambda: not processes_of(folder))
        assert "Stopped; nothing is left running." in said.read_text()
        assert "Traceback" not in said.read_text()


async def test_kept_it_stays_until_it_is_told_to_end(tmp_path):
    folder = tmp_path / "demo"
    with demo(folder, "--keep") as (process, said):
        await until(lambda: "Ctrl-C ends both" in said.read_text() or process.poll() is not None)
        assert "10 of 10 answered in time" in said.read_text()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(START_S) == 130
        await until(lambda: not processes_of(folder))


def test_what_is_not_set_up_is_one_line(tmp_path):
    with demo(tmp_path / "demo", "--model", "/no/such/model") as (process, said):
        assert process.wait(START_S) == 1
    assert said.read_text().count("\n") == 1
    assert "make demo" in said.read_text()
