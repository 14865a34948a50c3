"""A miner's book-keeping with nothing else of a miner, to be killed: python -m ... LEDGER

It gives challenges and refusals to three validators as fast as it may, and prints a line for each
fact once it is recorded, and `flushed` when all so far is said to be in the file.
"""

import os
import sys
import time
from pathlib import Path

from logicnet.errors import Reason
from logicnet.events import Announced
from logicnet.ledger import Ledger
from logicnet.protocol import Hotkey
from logicnet.volume.quota import VolumeBook
from tests.unit.ledger.facts import admitted, answered, refused

VALIDATORS = [Hotkey(f"5Validator{number}") for number in range(3)]
QUOTA = 1_000_000


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # past Python's buffers, which die with us


def main(path: Path) -> None:
    ledger = Ledger.open(path)
    book = VolumeBook(QUOTA, 10_000.0, 86_400.0, ledger.epochs)
    for validator in VALIDATORS:
        count = book.open(validator, QUOTA, time.time())
        ledger.record(Announced(time.time(), count))
        say("start", validator, count.given, count.refused)
    for number in range(10**9):
        validator = VALIDATORS[number % 3]
        count = book.take(validator, QUOTA, time.time())
        challenge_id = f"{os.getpid()}-{number}"
        ledger.record(admitted(challenge_id, count))
        ledger.record(answered(challenge_id))
        say("given", validator, count.given)
        if number % 7 == 0:
            count = book.refuse(validator, QUOTA, time.time())
            ledger.record(refused(Reason.OVER_QUOTA, at_s=time.time(), of=count))
            say("refused", validator, count.refused)
        if number % 50 == 49:
            assert ledger.flush()
            say("flushed")
        time.sleep(0.001)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
