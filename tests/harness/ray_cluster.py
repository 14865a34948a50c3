"""A Ray cluster of several nodes on this machine. Only its own processes are ever ended."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from logicnet._util.processes import free_port

RAY = Path(sys.executable).with_name("ray")
START_S = 150.0  # on a busy machine; 10 s on one that is not


class RayNode:
    """One `ray start --block`, and all that it started. It says to have a processor and a GPU."""

    def __init__(self, *words: str, log: Path) -> None:
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_NUM_REDIS_GET_RETRIES": "75"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # twenty processes import Ray
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [RAY, "start", "--block", "--num-cpus", "1", "--num-gpus", "1", *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL to all of it, as if its machine had lost its power."""
        found = self.processes()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, 20)
        self.process.wait(20)


class RayCluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        dashboard = free_port()
        self.address = f"http://127.0.0.1:{dashboard}"
        small = ("--object-store-memory", str(80 << 20))
        self.nodes = [
            RayNode(
                *("--head", "--port", str(self._port), "--dashboard-port", str(dashboard)),
                *("--node-ip-address", "127.0.0.1", "--ray-client-server-port", str(free_port())),
                *("--temp-dir", str(folder / "t"), *small),
                log=folder / "head.log",
            )
        ]
        self._small = small

    def add(self) -> RayNode:
        """Another node of one processor."""
        log = self._folder / f"node{len(self.nodes)}.log"
        words = ("--address", f"127.0.0.1:{self._port}", "--node-ip-address", "127.0.0.1")
        node = RayNode(*words, *self._small, log=log)
        self.nodes.append(node)
        return node

    def wait(self, nodes: int) -> None:
        """Until so many nodes live, by the dashboard's own word."""
        from ray.util.state import list_nodes  # noqa: PLC0415

        until_s = time.monotonic() + START_S
        while True:
            with suppress(Exception):
                found = list_nodes(self.address, filters=[("state", "=", "ALIVE")])
                if len(found) >= nodes:
                    return
            logs = "".join(path.read_text(errors="replace")[-2000:] for path in self._folder.glob("*.log"))
            assert time.monotonic() < until_s, logs
            time.sleep(0.3)

    def end(self) -> None:
        for node in reversed(self.nodes):
            node.kill()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """In a folder with a short path: the names of sockets have at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="ln-ray-", dir="/tmp"))
    cluster = RayCluster(folder)
    try:
        yield cluster
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)
