"""A miner that seems to work, as of now: made-up answers of hours, challenges in flight. To look at."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logicnet.chain import Standing
from logicnet.errors import Reason
from logicnet.events import Admitted, Answered, EpochCount, Placed, Refused
from logicnet.ledger import Ledger
from logicnet.ledger._batch import EPOCH_S
from logicnet.operate.telemetry.meter import InFlight, ValidatorVolume
from logicnet.operate.telemetry.server import Page, serving
from logicnet.operate.telemetry.state import ModelServerState, State, address_file
from logicnet.protocol import Hotkey, Uid
from logicnet.votelog import SamplerVote, VoteLog

VALIDATORS = [
    Hotkey(name + "x" * 40) for name in ("5F4tQyWr", "5HEo565W", "5GcBK8PC", "5CsvRJXu", "5Fq5v71D")
]
QUESTIONS = [
    "A baker sells 14 loaves in the morning and 2/7 as many in the afternoon; how many in all?",
    "If 3x + 7 = 31, what is x, and why does a curious student care?",
    "Three friends share 126 marbles in the ratio 2:3:4. How many does the luckiest one get?",
    "What is the least common multiple of 18 and 24? <img src=x onerror=alert(1)>",
    r"Solve $\frac{x^{2} - 9}{x - 3} = 7$ for $x$, and simplify $\sqrt{x \cdot 9}$ as far as you can.",
    "A train leaves at 9:40 and arrives at 13:05. How long is the trip in minutes?",
    "Every bloop is a razzie and every razzie is a lazzie. Is every bloop surely a lazzie?",
]
IN_FLIGHT = 40
WHOLE = "c419"  # a challenge with formulas and several votes


@contextmanager
def living(path: Path) -> Iterator[Path]:
    """The ledger's path; the telemetry reports challenges in flight."""
    dice = random.Random(7)
    now_s = time.time()
    with Ledger.open(path) as ledger:
        for number in range(420):
            _one(ledger, dice, number, now_s - 5.9 * 3600 + number * 50)
        for number in range(IN_FLIGHT):
            question = QUESTIONS[number % len(QUESTIONS)]
            ledger.record(_admitted(f"live{number}", now_s - number, VALIDATORS[number % 5], question, dice))
        for reason, count in ((Reason.NOT_PERMITTED, 41), (Reason.OVER_QUOTA, 17), (Reason.NOT_VERIFIED, 6)):
            for _ in range(count):
                ledger.record(Refused(now_s - dice.random() * 3000, reason, "No, and this is why."))
        rank, incentive = 148, 0.08
        for number in range(120):
            rank = max(9, rank + dice.choice((-6, -3, -1, 0, 2)))
            incentive = min(0.9, max(0.05, 1 - rank / 170 + dice.random() * 0.02))
            at_s = now_s - (120 - number) * EPOCH_S
            ledger.record(Placed(at_s, 1000 + 360 * number, 256, Uid(77), rank, incentive, 80 + number * 0.7))
        ledger.flush()

        def tell() -> bytes:
            return _state(path, now_s, rank, incentive).model_dump_json().encode()

        pages = {"/state": Page("application/json", tell)}
        with serving(pages, host="127.0.0.1", port=None, address_file=address_file(ledger.path)):
            yield path


def _admitted(name: str, at_s: float, validator: Hotkey, question: str, dice: random.Random) -> Admitted:
    epoch = EpochCount(validator, at_s // 600 * 600, 80, 20, 0)
    return Admitted(at_s, name, validator, "classic", "7", "Logic", question, 62.0, epoch)


def _one(ledger: Ledger, dice: random.Random, number: int, at_s: float) -> None:
    name, validator = f"c{number}", dice.choice(VALIDATORS)
    question = QUESTIONS[4] if name == WHOLE else dice.choice(QUESTIONS)
    ledger.record(_admitted(name, at_s, validator, question, dice))
    seconds = min(63.9, dice.lognormvariate(2.1, 0.5) * (1.6 if 250 < number < 300 else 1))
    late = seconds > 55 or dice.random() < 0.02
    known = name == WHOLE or dice.random() < 0.3
    votes = (
        SamplerVote("exact", "n:4", "4", seconds=0.02 * seconds),
        SamplerVote("program", "n:4", "4", -0.02, 0.4 * seconds, 180),
        SamplerVote("reason", "n:5", "5", -0.31, 0.6 * seconds, 412),
        SamplerVote("reason", "n:4", r"\boxed{4}", -0.11, 0.7 * seconds, 388),
        SamplerVote("reason", "n:4", "$x = 4$", -0.09, 0.95 * seconds, 501),
    )
    chosen = "n:4" if name == WHOLE or dice.random() < 0.8 else "n:5"
    vote_log = VoteLog("closed", votes, chosen, "the votes agree") if known else None
    ledger.record(
        Answered(
            at_s + seconds,
            name,
            validator,
            "race",
            "late" if late else "solved",
            66.0 if late else seconds,
            r"The left side is $x + 3$ for $x \ne 3$, so $x = 4$. Then $\sqrt{4 \cdot 9} = 6$."
            r" Check: $7 = 1 + 1 + 1 + 1 + 1 + 1 + 1 = 2 + 2 + 2 + 1 = 3 + 3 + 1 = 4 + 3 = 5 + 2 = 6 + 1$.",
            "$x = 4$, and 6" if name == WHOLE else dice.choice(("18", "8", "56", "72", "205", "yes")),
            "the solver was not done at the deadline" if late else "",
            vote_log,
        )
    )


def _state(path: Path, began_s: float, rank: int, incentive: float) -> State:
    now_s = time.time()
    volumes = [
        ValidatorVolume(
            validator=validator,
            started_at_s=now_s - 300,
            announced=announced,
            given=round(announced * 0.8),
            refused=17 if announced == 80 else 0,
            kept=round(announced * 0.7),
        )
        for validator, announced in zip(VALIDATORS, (80, 61, 40, 22, 9), strict=True)
    ]
    return State(
        at_s=now_s,
        started_at_s=began_s - 3 * 86_400,
        pid=1,
        version="0.1.0",
        hotkey="5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy",
        solver="race",
        ledger=str(path.resolve()),
        interval_s=600.0,
        epoch_volume=512,
        max_in_flight=64,
        solving=[
            InFlight(
                challenge_id=f"live{number}",
                validator=VALIDATORS[number % 5],
                ends_at_s=now_s + 62 - (now_s - began_s + 7 * number) % 62,
                allowed_s=62.0,
                epoch_started_at_s=began_s,
            )
            for number in reversed(range(IN_FLIGHT))
        ],
        servers=[
            ModelServerState(name="127.0.0.1:8000", healthy=True, calls=27, tokens_per_s=44.2),
            ModelServerState(name="10.0.0.7:8000", healthy=True, calls=13, tokens_per_s=31.0),
            ModelServerState(
                name="10.0.0.8:8000",
                healthy=False,
                error="the model server at 10.0.0.8:8000 cannot be reached (is it running?)",
                down_since_s=began_s - 8.0,
            ),
            ModelServerState(
                name="api.example gpt-4o-mini", healthy=True, calls=0, tokens_per_s=80.0, paid=True, spent=0.4
            ),
        ],
        volumes=volumes,
        standing=Standing(alpha_a_day=41.5, price=0.0214, immune_s=0.0, replaced_before=38, free=0),
        network=Placed(now_s, 9000, 256, Uid(77), rank, incentive, 164.0),
        network_age_s=12.0,
    )
