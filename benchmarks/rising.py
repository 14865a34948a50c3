"""Two solvers before one vLLM, asked ever more often: which earns more in the same time?

    python benchmarks/rising.py gsm8k.jsonl --out .run/rising  # 25 minutes, two cores

A real miner (`logicnet mine --offline`) over a real vLLM with the demo's model, once with each solver;
nothing is computed without the model. Questions come at moments that are set beforehand, ever closer to each
other, over the real wires, whether or not those before are answered; each is allowed the validator's 64 s.
What a miner says when no model said anything earns nothing here. Every reply is given the same similarity, so
that 0.605 less its seconds is what any wrong answer of a model earns. Tokens are vLLM's own count. The
figures of each solver are written to a file in `--out`; what is there is not measured again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
from _place import MOST_PER_VALIDATOR, ROOT, Place, place
from failover import NO_WORD, VLLM_START_S

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import load
from logicnet.operate.demo.stage import SERVED_AS, Stage, environment
from logicnet.operate.serving.vllm.metrics import sums
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.reward import reward_of
from logicnet.scoring.scorer import correctness
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.tuning.improve.training import write_profile

SIMILARITY = 0.7


def moments(count: int, seconds: float) -> Sequence[float]:
    """When each question comes: the rate rises from nothing, in proportion to the time."""
    return [seconds * math.sqrt((number + 0.5) / count) for number in range(count)]


async def ask_all(
    here: Place, port: int, problems: Sequence[Problem], times_s: Sequence[float]
) -> list[MinerReply]:
    clients = [
        ValidatorClient(key, miner_ss58=here.miner_ss58, base_url=f"http://127.0.0.1:{port}")
        for key in here.validators
    ]

    async def ask(number: int) -> MinerReply:
        await asyncio.sleep(times_s[number])
        client = clients[number % len(clients)]
        wire = "btauth" if number % 2 else "classic"
        question = problems[number].asked
        return await client.challenge(question, wire=wire, category="Logic", task_uid=str(number))

    try:
        return await asyncio.gather(*map(ask, range(len(problems))))
    finally:
        for client in clients:
            await client.close()


async def rewards(problems: Sequence[Problem], replies: Sequence[MinerReply]) -> list[float]:
    """Of each reply; 0 where no model answered in time. An answer that only a judge can compare is wrong."""
    found = []
    for problem, reply in zip(problems, replies, strict=True):
        if not by_a_model(reply):
            found.append(0.0)
            continue
        verdict = await correctness(problem.truth, reply.answer, question=problem.asked)
        found.append(reward_of(verdict.score or 0.0, SIMILARITY, reply.seconds))
    return found


def by_a_model(reply: MinerReply) -> bool:
    in_time = reply.success and reply.seconds < LOGIC_TIMEOUT_S
    return in_time and reply.answer not in ("", NO_WORD)


def leg(solver: str, problems: Sequence[Problem], seconds: float) -> dict[str, Any]:
    """What one solver came to, with a vLLM of its own."""
    validators = max(2, math.ceil(2 * len(problems) / MOST_PER_VALIDATOR))
    with place(validators=validators) as here:
        stage = Stage(ROOT / ".venv-vllm/bin/python", ROOT / ".run/model/smollm2", here.folder)
        stage.check()
        exact_off = profile_for(SERVED_AS, load_profiles()).model_copy(update={"exact": False})
        write_profile(exact_off, here.folder)
        vllm_port, port = free_port(), free_port()
        url = f"http://127.0.0.1:{vllm_port}"
        flags = ["--miner.llm_client.base_url", f"{url}/v1", "--miner.solver", solver]
        flags += ["--miner.profiles", str(here.folder / "profile.toml")]
        with stage.start_vllm(vllm_port) as vllm:
            vllm.wait_for(f"{url}/v1/models", within_s=VLLM_START_S)
            command = here.miner_command(port, *flags)
            log = here.folder / "miner.log"
            with Child.start("logicnet", command, log=log, cwd=here.folder, env=environment()) as miner:
                miner.wait_for(f"http://127.0.0.1:{port}/", within_s=60)
                here.first_answer(miner, port)  # the first call of a vLLM takes seconds longer
                before = tokens_of(url)
                replies = asyncio.run(ask_all(here, port, problems, moments(len(problems), seconds)))
                written = tokens_of(url) - before
    earned = asyncio.run(rewards(problems, replies))
    kept = [reply for reply in replies if by_a_model(reply)]
    missed = [reply.message or reply.answer for reply in replies if not by_a_model(reply)]
    return {
        "asked": len(replies),
        "answered by a model in time": len(kept),
        "sum of rewards": round(sum(earned), 2),
        "median, s": round(statistics.median([one.seconds for one in kept] or [0.0]), 1),
        "tokens a question": round(written / len(replies)),
        "missed": {why: missed.count(why) for why in sorted(set(missed))},
    }


def tokens_of(url: str) -> float:
    return sums(httpx2.get(f"{url}/metrics").text)["vllm:generation_tokens_total"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("questions", type=Path, help="a challenge set, a recipe or a file as GSM8K's")
    parser.add_argument("--seconds", type=float, default=600.0, help="in which questions come (default 600)")
    parser.add_argument("--n", type=int, default=240, help="questions (default 240)")
    parser.add_argument("--solvers", default="race,direct", help="the first is compared with the second")
    parser.add_argument("--out", type=Path, default=Path(".run/rising"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, Any]] = {}
    try:
        problems = load(args.questions).problems[: args.n]
        for solver in args.solvers.split(","):
            file = args.out / f"{solver}.json"
            if not file.exists():
                file.write_text(json.dumps(leg(solver, problems, args.seconds)))
            found[solver] = json.loads(file.read_text())
            print(solver, json.dumps(found[solver]), flush=True)
    except (LogicnetError, OSError, TimeoutError) as error:
        sys.exit(str(error))
    first, second = (one["sum of rewards"] for one in found.values())
    print(f"{first / second:.2f} x the rewards (must: 1.5, aim 2)" if second else "the second earned nothing")


if __name__ == "__main__":
    main()
