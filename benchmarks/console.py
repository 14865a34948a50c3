"""The miner's request path with the console's page open and without: what watching costs.

    python benchmarks/console.py

One miner with a constant solver and 256 validators, pinned to one core; load, console and browser have the
other. Rounds alternate (closed, open, open, closed, ...), so that whatever else the machine does falls on
both, and what counts is the ratio within a pair. "Open" is all of it at once: `logicnet console` with its
page live in a real browser, which looks at the ledger and at `/state` every second, and a Prometheus that
scrapes `/metrics` every second, ten times as often as it would. "Closed" has the same browser on a console
that watches another, idle miner. So the cost of a browser on the same small machine is in both. The load is
all that the miner can take, some thousand times what validators ask. The run fails if a reply is not a 200,
or if nobody looked in a round that should have been watched.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import psutil
from _load import Round, cpu_s, drive, split_reply
from _place import Place, place, signed

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.operate.demo.stage import environment

INTERVAL_S = 1.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Side:
    name: str
    rounds: list[Round] = field(default_factory=list)


@contextlib.contextmanager
def looking(here: Place, browser: str, page: str, metrics: str | None) -> Iterator[None]:
    """The page is open in a browser, and `/metrics`, if given, is scraped."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--remote-debugging-port=0", f"--user-data-dir={here.folder / 'profile'}", page]
    shown = subprocess.Popen([browser, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    over = threading.Event()

    def scrape() -> None:
        with httpx2.Client(trust_env=False, timeout=10) as http:
            while metrics is not None and not over.wait(1.0):
                http.get(metrics)

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        time.sleep(4.0)  # the page is up and its numbers run
        yield
    finally:
        over.set()
        scraper.join()
        shown.terminate()
        shown.wait()


def one_round(here: Place, miner: psutil.Process, port: int, args: argparse.Namespace) -> Round:
    time.sleep(INTERVAL_S)
    queues = signed(here, args.connections, args.most)
    done = drive(port, queues, seconds=args.seconds, process=miner)
    wrong = [split_reply(reply)[1][:200] for _, _, reply in done.replies if split_reply(reply)[0] != 200]
    if wrong or done.broken or not done.replies:
        sys.exit(f"{len(wrong)} replies were wrong, {len(done.broken)} broke: {(wrong + done.broken)[:1]}")
    return done


def measure(here: Place, args: argparse.Namespace, browser: str) -> tuple[Side, Side, list[float]]:
    ports = port, admin_port, idle_port, *_ = [free_port() for _ in range(5)]
    quota = ("--miner.solver", "constant", "--miner.limit_interval", str(INTERVAL_S))
    pinned = ["taskset", "-c", str(args.core)]
    loaded = [*pinned, *here.miner_command(port, *quota), "--admin.port", str(admin_port)]
    ledgers = "ledger.sqlite", "idle.sqlite"
    idle = here.miner_command(idle_port, *quota, "--ledger.path", str(here.folder / ledgers[1]))
    closed, opened, busy = Side("closed"), Side("open"), []
    with contextlib.ExitStack() as stack:

        def start(name: str, command: list[str]) -> Child:
            log = here.folder / f"{name}.txt"
            child = Child.start(name, command, log=log, cwd=here.folder, env=environment())
            return stack.enter_context(child)

        child = start("logicnet", loaded)
        here.first_answer(child, port)
        here.first_answer(start("idle", idle), idle_port)
        pages, watchers = [], []
        for ledger, page_port in zip(ledgers, ports[3:], strict=True):
            watch = here.console_command(page_port, ledger)
            watchers.append(start(f"console-{ledger}", watch))
            pages.append(f"http://127.0.0.1:{page_port}/")
            watchers[-1].wait_for(pages[-1], within_s=60)
        miner, watcher = psutil.Process(child.pid), psutil.Process(watchers[0].pid)
        one_round(here, miner, port, args)  # warms it up
        for pair in range(args.pairs):
            for side in (closed, opened) if pair % 2 == 0 else (opened, closed):
                page = pages[0] if side is opened else pages[1]
                metrics = f"http://127.0.0.1:{admin_port}/metrics" if side is opened else None
                with looking(here, browser, page, metrics):
                    before_s, began_s = cpu_s(watcher), time.monotonic()
                    side.rounds.append(one_round(here, miner, port, args))
                    if side is opened:
                        busy.append((cpu_s(watcher) - before_s) / (time.monotonic() - began_s))
    if min(busy) < 0.005:
        sys.exit(f"the console did not look: it used {min(busy):.2%} of a core")
    return closed, opened, busy


def spread(values: list[float]) -> dict[str, float]:
    names = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 3) for name, value in names.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=8, help="rounds of each (default 8)")
    parser.add_argument("--seconds", type=float, default=2.0, help="most seconds per round (default 2)")
    parser.add_argument("--connections", type=int, default=8, help="keep-alive connections (default 8)")
    parser.add_argument("--most", type=int, default=6000, help="requests of a round (default 6,000)")
    args = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        parser.error("no Chromium on the PATH: `make test` sets it up")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("two cores are needed: one for the miner, one for the load")
    args.core = cores[0]
    os.sched_setaffinity(0, {cores[1]})
    try:
        with place(validators=256) as here:
            closed, opened, busy = measure(here, args, browser)
    except (LogicnetError, TimeoutError) as error:
        sys.exit(str(error))
    pairs = list(zip(closed.rounds, opened.rounds, strict=True))
    table = {
        side.name: {
            "requests/s": spread([one.per_s for one in side.rounds]),
            "p50 ms": spread([one.p_ms(50) for one in side.rounds]),
            "p99 ms": spread([one.p_ms(99) for one in side.rounds]),
            "CPU us": spread([one.cpu_us for one in side.rounds]),
        }
        for side in (closed, opened)
    }
    table["open / closed"] = {
        "requests/s": spread([b.per_s / a.per_s for a, b in pairs]),
        "p50": spread([b.p_ms(50) / a.p_ms(50) for a, b in pairs]),
        "p99": spread([b.p_ms(99) / a.p_ms(99) for a, b in pairs]),
        "CPU": spread([b.cpu_us / a.cpu_us for a, b in pairs]),
    }
    table["noise: closed / the next closed"] = {
        "requests/s": spread(
            [a.per_s / b.per_s for a, b in zip(closed.rounds, closed.rounds[1:], strict=False)]
        ),
        "p99": spread(
            [a.p_ms(99) / b.p_ms(99) for a, b in zip(closed.rounds, closed.rounds[1:], strict=False)]
        ),
    }
    table["console"] = {"share of a core": spread(busy)}
    for name, rows in table.items():
        print(name)
        for label, row in rows.items():
            print(f"  {label:<34}{row['median']:>12.3f}   ({row['min']:.3f} .. {row['max']:.3f})")
    replies = sum(len(one.replies) for side in (closed, opened) for one in side.rounds)
    print(json.dumps({"bench": "console", "pairs": args.pairs, "replies": replies, **table}))


if __name__ == "__main__":
    main()
