"""How long a worker takes to claim a job, with 10,000 waiting.

    python benchmarks/jobs.py [--jobs 10000] [--claims 1000]

The queue is a new SQLite file in a temporary folder, opened as the service opens it; priorities and ages are
random. Each claim is timed from the call to its return, then the job is ended, as a worker does. The
yardstick is as many commits of one row to another table of the same file: what the disk costs. The claims
must come in the order of the queue, and each job once, or the run fails.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import JobStore

SPEC = TrainSpec(dataset="rows.json", model="tiny", dataset_type="instruct", file_format="json")


def job(chance: random.Random, now_s: float) -> Job:
    name = uuid.UUID(int=chance.getrandbits(128)).hex
    return Job(
        name, name, SPEC, "llama", priority=chance.uniform(0, 4), created_s=now_s - chance.uniform(0, 86400)
    )


def percentiles(taken_s: list[float]) -> str:
    cuts = statistics.quantiles(taken_s, n=100)
    return f"median {1e3 * statistics.median(taken_s):.2f} ms, p99 {1e3 * cuts[98]:.2f} ms"


def commits(path: Path, number: int) -> list[float]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE yardstick (n)")
    taken_s = []
    for n in range(number):
        began_s = time.perf_counter()
        db.execute("INSERT INTO yardstick VALUES (?)", [n])
        taken_s.append(time.perf_counter() - began_s)
    db.close()
    return taken_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--claims", type=int, default=1_000)
    asked = parser.parse_args()
    chance, now_s = random.Random(42), time.time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "queue.sqlite"
        store = JobStore(path)
        for _ in range(asked.jobs):
            store.add(job(chance, now_s))
        expected = [found.id for found in store.jobs(over=False, most=asked.claims)]
        claimed, taken_s = [], []
        for _ in range(asked.claims):
            began_s = time.perf_counter()
            found = store.claim("worker", now_s)
            taken_s.append(time.perf_counter() - began_s)
            assert found is not None
            claimed.append(found.id)
            assert store.end(found.id, "worker", now_s, JobState.COMPLETED, result={})
        assert claimed == expected
        print(f"claim of {asked.claims:,} of {asked.jobs:,} jobs: {percentiles(taken_s)}")
        print(f"commit of one row: {percentiles(commits(path, asked.claims))}")


if __name__ == "__main__":
    main()
