"""What an earlier vLLM left behind is ended, and nothing else."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from logicnet.errors import LogicnetError
from logicnet.operate.serving.vllm.process import (
    MARK,
    exclusive,
    group_file,
    kill_recorded,
    orphans,
    record_group,
)

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


def test_what_is_of_vllm_is_ended_and_what_is_not_stays(group, tmp_path):
    marked = group.add(SLEEP, **{MARK: "1"})
    renamed = group.add(RENAME + SLEEP)
    another = group.add(SLEEP)  # the number of the group was used again
    elsewhere = Group()
    try:
        elsewhere.add(SLEEP, **{MARK: "1"})
        assert {one.pid for one in orphans(marked.pid)} == {marked.pid, renamed.pid}
        note = tmp_path / "note"
        record_group(note, marked.pid)
        assert set(kill_recorded(note)) == {marked.pid, renamed.pid}
        assert (marked.wait(60), renamed.wait(60)) == (-9, -9)
        assert another.poll() is None
        assert elsewhere.members[0].poll() is None
    finally:
        elsewhere.end()


@pytest.mark.parametrize("text", [None, "", "many", "1", "1 another-boot pid:[1]"])
def test_without_a_note_nothing_is_ended(tmp_path, text):
    note = tmp_path / "note"
    if text is not None:
        note.write_text(text)
    assert kill_recorded(note) == []


def test_servers_on_two_ports_leave_each_other_alone(tmp_path):
    assert group_file(1, tmp_path) == group_file(1, tmp_path)
    assert group_file(1, tmp_path) != group_file(2, tmp_path)


def test_a_note_of_before_the_machine_was_started_anew_ends_nothing(group, tmp_path):
    marked = group.add(SLEEP, **{MARK: "1"})  # another server of ours, which got the number this time
    note = tmp_path / "note"
    note.write_text(f"{marked.pid} another-boot pid:[4026531836]")
    assert kill_recorded(note) == []
    assert marked.poll() is None


def test_one_alone_goes_by_a_note(tmp_path):
    note = group_file(1, tmp_path)
    with (
        exclusive(note),
        exclusive(group_file(2, tmp_path)),
        pytest.raises(LogicnetError, match="already runs in this folder"),
        exclusive(note),
    ):
        raise AssertionError("two of them")
    with exclusive(note):
        pass


def test_a_disk_that_knows_no_locks_keeps_nobody_from_starting(tmp_path, monkeypatch):
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with exclusive(group_file(1, tmp_path)):
        pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LogicnetError, match="cannot be written"), exclusive(group_file(1, tmp_path / "file")):
        raise AssertionError("no folder")
