"""Children end when told to, with what they started, and also when we die without telling them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError

# A process with a child of its own that ignores polite requests; writes both pids.
DEAF = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print('x', flush=True); time.sleep(60)"
FAMILY = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {DEAF!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def until(condition, within_s=60.0):
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it never came to pass"
        time.sleep(0.02)


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def family_pids(log: Path) -> list[int]:
    until(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(word) for word in log.read_text().split()]


def test_stop_ends_the_whole_family(tmp_path):
    with Child.start("family", [sys.executable, "-c", FAMILY], log=tmp_path / "log") as child:
        pids = family_pids(child.log)
        assert child.process.poll() is None
        assert pids[0] == child.pid
        assert all(running(pid) for pid in pids)
    until(lambda: not any(running(pid) for pid in pids))
    assert child.process.poll() == -signal.SIGTERM
    assert child.stop() == -signal.SIGTERM  # again is harmless


def test_a_free_port_is_kept_for_a_server():
    port = free_port()
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", port))  # as one who is given any port is
    with socket.create_server(("", port)):
        pass


def test_a_port_is_waited_for_without_a_word_being_said(tmp_path):
    port = free_port()
    script = f"""
import socket
with socket.create_server(("127.0.0.1", {port})) as server:
    print(server.accept()[0].recv(10), flush=True)
"""
    with Child.start("server", [sys.executable, "-c", script], log=tmp_path / "log") as child:
        child.wait_for_port(port, within_s=60)
        until(lambda: child.log.read_text() == "b''\n")
    with (
        Child.start("nobody", [sys.executable, "-c", ""], log=tmp_path / "log") as child,
        pytest.raises(LogicnetError, match="ended by itself"),
    ):
        child.wait_for_port(free_port(), within_s=60)


def test_stop_insists(tmp_path):
    child = Child.start("deaf", [sys.executable, "-c", DEAF], log=tmp_path / "log")
    until(lambda: child.log.read_text() == "x\n")
    assert child.stop(grace_s=0.1) == -signal.SIGKILL


def test_the_family_ends_when_its_starter_is_killed(tmp_path):
    log = tmp_path / "log"
    starter = (
        "import sys, time; from pathlib import Path; from logicnet._util.processes import Child\n"
        "Child.start('family', [sys.executable, '-c', sys.argv[1]], log=Path(sys.argv[2]))\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter, FAMILY, str(log)])
    try:
        parent, deaf_child = family_pids(log)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not running(parent))
    assert running(deaf_child)  # it ignores SIGTERM and gets ten seconds
    os.kill(deaf_child, signal.SIGKILL)


def test_the_environment_is_the_one_given(tmp_path):
    script = "import os; print(os.environ.get('ONE'), os.environ.get('HOME'))"
    child = Child.start("env", [sys.executable, "-c", script], log=tmp_path / "log", env={"ONE": "1"})
    assert child.process.wait(60) == 0
    child.stop()
    assert child.log.read_text() == "1 None\n"


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(LogicnetError, match=r"vLLM cannot be started: .*No such file"):
        Child.start("vLLM", ["/no/such/program"], log=tmp_path / "log")


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LogicnetError, match=r"vLLM cannot be started: .*Not a directory"):
        Child.start("vLLM", [sys.executable, "-V"], log=tmp_path / "file" / "logs" / "log")


def test_waiting_for_one_that_ends_shows_the_end_of_its_log(tmp_path):
    with (
        Child.start("vLLM", [sys.executable, "-c", "print('out of memory')"], log=tmp_path / "log") as child,
        pytest.raises(LogicnetError, match=r"(?s)vLLM ended by itself \(status 0\); .*out of memory"),
    ):
        child.wait_for(f"http://127.0.0.1:{free_port()}", within_s=60)


def test_waiting_for_one_that_never_answers(tmp_path):
    ticks: list[int] = []
    with (
        Child.start(
            "mute", [sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log"
        ) as child,
        pytest.raises(LogicnetError, match="mute did not answer within"),
    ):
        child.wait_for(f"http://127.0.0.1:{free_port()}", within_s=1.0, tick=lambda: ticks.append(1))
    assert ticks


def test_waiting_for_one_that_answers(tmp_path):
    port = free_port()
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with Child.start("server", argv, log=tmp_path / "log", cwd=tmp_path) as child:
        child.wait_for(f"http://127.0.0.1:{port}/not-there", within_s=60)  # a 404 is an answer
        assert child.process.poll() is None
