"""What the supervisor starts where failure must be scripted: a `vllm` that fails when a test says so.

Real HTTP, real processes: a server, and an engine in its group that is named as vLLM names its own and
does not hear SIGTERM. FAKE_VLLM is a folder: `starts` gets a line at each start; `says`, if it is there,
is printed, and the server ends with status 1 at once; `mode` is read at each request. `says.PORT` is for one
of several servers alone, and `pids.PORT` has the numbers of its processes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(os.environ["FAKE_VLLM"])
ENGINE = """
import signal, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path("/proc/self/comm").write_text("VLLM::EngineCore")
print("up", flush=True)
time.sleep(120)
"""
counted = itertools.count(1)


def mode() -> str:
    try:
        return (FOLDER / "mode").read_text()
    except FileNotFoundError:
        return "well"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.reply(200, json.dumps({"data": [{"id": "fake"}]}))
            return
        tokens = next(counted) if mode() == "busy" else 7
        loaded = 40 if mode() in ("busy", "hang under load") else 0
        lines = [
            f'vllm:generation_tokens_total{{engine="0"}} {tokens}.0',
            'vllm:prompt_tokens_total{a="b"} 1.0',
        ]
        lines += [f'vllm:num_requests_running{{engine="0"}} {loaded}', "vllm:num_requests_waiting 3"]
        self.reply(200, "\n".join(lines) + "\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        now = mode()
        if now in ("busy", "hang", "hang under load"):
            time.sleep(120)
        elif now == "fault":
            self.reply(500, json.dumps({"error": {"message": "EngineCore encountered an issue."}}))
        elif now == "sesame" and self.headers.get("authorization") != "Bearer sesame":
            self.reply(401, "{}")
        else:
            self.reply(200, json.dumps({"choices": [{"text": "1"}]}))

    def reply(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    known, _ = parser.parse_known_args()
    with (FOLDER / "starts").open("a") as starts:
        starts.write(json.dumps(sys.argv[1:]) + "\n")
    says = next((one for one in (FOLDER / "says", FOLDER / f"says.{known.port}") if one.exists()), None)
    if says is not None:
        print(says.read_text(), flush=True)
        sys.exit(1)
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE)
    assert engine.stdout
    engine.stdout.readline()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = ThreadingHTTPServer((known.host, known.port), Handler)
    server.daemon_threads = True
    print("(EngineCore pid=1) INFO [kv_cache_utils.py:1] GPU KV cache size: 46,592 tokens", flush=True)
    for name in ("pids", f"pids.{known.port}"):
        (FOLDER / name).write_text(f"{os.getpid()} {engine.pid}")
    server.serve_forever()


if __name__ == "__main__":
    main()
