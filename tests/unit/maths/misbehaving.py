"""Functions that a worker is better not left alone with."""

import os
import sys
import time
from contextlib import suppress
from typing import Any


def doubled(number: float) -> float:
    return number * 2


def chatty(text: str) -> str:
    print("this is no answer")
    print("nor is this", file=sys.stderr)
    os.write(1, b"nor this\n")
    return text.upper()


def sleeps() -> None:
    time.sleep(60)


def swallows() -> None:
    while True:
        with suppress(Exception):
            time.sleep(60)


def multiplies() -> int:
    """One long step of the interpreter, which no signal interrupts."""
    return 9 ** (9**9) % 7


def eats_memory() -> int:
    return len(bytearray(64 << 30))


def recurses() -> Any:
    return recurses()


def raises(text: str) -> None:
    raise ValueError(f"secret: {text}")


def ends() -> None:
    os._exit(3)


def longer(answer: str, than: int) -> float:
    return 1.0 if len(answer) > than else 0.5


def starts_with_a_vowel(answer: str) -> bool:
    return answer[:1] in "aeiou"
