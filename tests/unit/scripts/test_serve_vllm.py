"""What an earlier vLLM left behind is ended, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from scripts.serve_vllm import MARK, end_left_over, mark_of, marked

ROOT = Path(__file__).parents[3]


def sleeper(mark: str) -> subprocess.Popen[bytes]:
    script = "import time; print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, MARK: mark}, stdout=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.readline()
    return process


def test_only_marked_processes_are_ended(capfd):
    mark = f"test-{os.getpid()}"
    ours, others = sleeper(mark), sleeper(mark + "0")
    try:
        assert marked(mark) == [ours.pid]
        end_left_over(mark)
        assert ours.wait(20) == -9
        assert others.poll() is None
        assert str(ours.pid) in capfd.readouterr().err
    finally:
        for process in (ours, others):
            process.kill()
            process.wait()
            process.stdout.close()


def test_servers_on_two_ports_leave_each_other_alone():
    assert mark_of(["--port", "1"]) == mark_of(["--model", "m", "--port", "1"])
    assert mark_of(["--port", "1"]) != mark_of(["--port", "2"])


def test_flags_go_to_vllm_as_they_are(tmp_path):
    """A stand-in for the vllm package shows what it was started with."""
    module = tmp_path / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    (module / "api_server.py").write_text(f"import os, sys; print(sys.argv[1:], len(os.environ[{MARK!r}]))")
    shown = subprocess.run(
        [sys.executable, ROOT / "scripts" / "serve_vllm.py", "--port", "0", "--model", "a b"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "['--port', '0', '--model', 'a b'] 16\n"
