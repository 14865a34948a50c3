"""What an earlier vLLM left behind is ended, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.serve_vllm import MARK, end_left_over, left_over, note_of

ROOT = Path(__file__).parents[3]
RENAME = "from pathlib import Path; Path('/proc/self/comm').write_text('VLLM::Worker'); "
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


class Group:
    """Processes in one process group, each its own story."""

    def __init__(self) -> None:
        self.members: list[subprocess.Popen[bytes]] = []

    def add(self, script: str, **env: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            process_group=self.members[0].pid if self.members else 0,
        )
        self.members.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    def end(self) -> None:
        for process in self.members:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture
def group() -> Iterator[Group]:
    group = Group()
    yield group
    group.end()


def test_what_is_of_vllm_is_ended_and_what_is_not_stays(group, tmp_path, capfd):
    marked = group.add(SLEEP, **{MARK: "1"})
    renamed = group.add(RENAME + SLEEP)
    another = group.add(SLEEP)  # the number of the group was used again
    elsewhere = Group()
    try:
        elsewhere.add(SLEEP, **{MARK: "1"})
        assert set(left_over(marked.pid)) == {marked.pid, renamed.pid}
        note = tmp_path / "note"
        note.write_text(str(marked.pid))
        end_left_over(note)
        assert (marked.wait(20), renamed.wait(20)) == (-9, -9)
        assert another.poll() is None
        assert elsewhere.members[0].poll() is None
    finally:
        elsewhere.end()
    assert str(renamed.pid) in capfd.readouterr().err


@pytest.mark.parametrize("text", [None, "", "many"])
def test_without_a_note_nothing_is_ended(tmp_path, text):
    note = tmp_path / "note"
    if text is not None:
        note.write_text(text)
    end_left_over(note)


def test_servers_on_two_ports_leave_each_other_alone():
    assert note_of(["--port", "1"]) == note_of(["--model", "m", "--port", "1"])
    assert note_of(["--port", "1"]) != note_of(["--port", "2"])


def test_flags_go_to_vllm_as_they_are(tmp_path):
    """A stand-in for the vllm package shows what it was started with."""
    module = tmp_path / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    (module / "api_server.py").write_text(f"import os, sys; print(sys.argv[1:], os.environ[{MARK!r}])")
    shown = subprocess.run(
        [sys.executable, ROOT / "scripts" / "serve_vllm.py", "--port", "0", "--model", "a b"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "['--port', '0', '--model', 'a b'] 1\n"
