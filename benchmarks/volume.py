"""Is what `logicnet volume advise` names kept, over a whole interval of 600 s and into the next?

    python benchmarks/volume.py --minutes 3      # a quarter of an hour

A real vLLM on this machine's CPU; the advice, measured on it; then a real miner that announces just that, and
three validators (`logicnet arena`, over both wires) that begin at the same moment, the worst that can
befall a volume, and each use up their quota at the pace of a real one, twice: the second time when the
interval is over. The questions are those of the advice (every kind of mathgenerator and stories, half and
half), from other seeds. Kept means: all that were theirs were taken, and answered within the 64 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

from _place import Place, place

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.evals.challenges.sets import make, write
from logicnet.evals.runs.run import Row, read_rows
from logicnet.operate.advise import QUESTIONS
from logicnet.operate.demo.stage import Stage, environment

VALIDATORS = 3
_LOGICNET = str(Path(sys.executable).with_name("logicnet"))
_INTERVAL_S = 600
_VLLM_START_S = 300.0


def advised(here: Place, llm: list[str], minutes: float) -> dict[str, object]:
    """What the command says. Raises LogicnetError if no volume is safe."""
    command = [_LOGICNET, "volume", "advise", "--json", "--minutes", str(minutes), *llm]
    done = subprocess.run(
        command, cwd=here.folder, env=environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise LogicnetError(f"no advice (status {done.returncode}): {done.stdout}")
    found: dict[str, object] = json.loads(done.stdout)
    return found


def asked(here: Place, port: int, rounds: int) -> list[Row]:
    """What the validators, all at once, were answered."""
    runs = [here.folder / f"run-{number}" for number in range(VALIDATORS)]
    with contextlib.ExitStack() as stack:
        arenas = []
        for number, run in enumerate(runs):
            questions = here.folder / f"questions-{number}.jsonl"
            write(make(QUESTIONS.model_copy(update={"seed": QUESTIONS.seed + 1 + number})), questions)
            command = [_LOGICNET, "arena", "--target", f"127.0.0.1:{port}", "--hotkey", here.miner_ss58]
            command += ["--challenges", str(questions), "--validator-uri", f"//Bench/{number}"]
            command += ["--chain.file", str(here.network), "--wire", "both", "--no-truth", "--out", str(run)]
            command += ["--rounds", str(rounds), "--loop-seconds", str(_INTERVAL_S)]
            log = here.folder / f"arena-{number}.log"
            child = Child.start("arena", command, log=log, cwd=here.folder, env=environment())
            arenas.append(stack.enter_context(child))
        for arena in arenas:
            if arena.process.wait(rounds * (_INTERVAL_S + 120)):
                raise LogicnetError(arena.end_of_log())
    return [row for run in runs for row in read_rows(run / "rows.jsonl")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=3.0, help="for the advice (3)")
    parser.add_argument("--rounds", type=int, default=2, help="of each validator, one an interval (2)")
    parser.add_argument("--solver", default="race", help="default race")
    args = parser.parse_args()
    try:
        with place(VALIDATORS) as here:
            stage = Stage(folder=here.folder)
            stage.check()
            llm_port, port = free_port(), free_port()
            llm = ["--miner.llm_client.base_url", f"http://127.0.0.1:{llm_port}/v1"]
            llm += ["--miner.solver", args.solver]
            with stage.start_vllm(llm_port) as vllm:
                vllm.wait_for(f"http://127.0.0.1:{llm_port}/v1/models", within_s=_VLLM_START_S)
                advice = advised(here, llm, args.minutes)
                announce = ["--miner.epoch_volume", str(advice["volume"])]
                log = here.folder / "miner.log"
                command = here.miner_command(port, *llm, *announce)
                with Child.start("logicnet", command, log=log, cwd=here.folder, env=environment()) as miner:
                    miner.wait_for_port(port, within_s=60)
                    rows = asked(here, port, args.rounds)
            said = log.read_text(errors="replace")
    except (LogicnetError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(str(error))
    kept = [row for row in rows if row.answer and (row.process_time or row.timeout) < row.timeout]
    seconds = sorted(row.process_time for row in kept if row.process_time is not None) or [0.0]
    result = {
        "advised": advice["volume"],
        "at once, safe": advice["at_once"],
        "asked": len(rows),
        "answered in time": len(kept),
        "by round": dict(sorted(Counter(row.round for row in kept).items())),
        "median, s": round(statistics.median(seconds), 1),
        "slowest, s": round(seconds[-1], 1),
        "warned of its promise": said.count("Close to breaking"),
        "missed": dict(Counter(row.error or "no answer" for row in rows if row not in kept).most_common(5)),
    }
    for name, value in result.items():
        print(f"{name:<24}{value}")
    print(json.dumps({"bench": "volume", "solver": args.solver, **result}), flush=True)
    sys.exit(len(kept) != len(rows) or not rows)


if __name__ == "__main__":
    main()
