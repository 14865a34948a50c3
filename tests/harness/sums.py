"""Rows of the task sft: sums, with longer and shorter answers, in frequent tokens."""

import json
import random
from pathlib import Path


def write_rows(path: Path, number: int, seed: int = 5) -> None:
    draw = random.Random(seed)
    with path.open("w") as file:
        for place in range(number):
            a, b = draw.randint(10, 89), draw.randint(10, 89)
            answer = f"{a + b}." if place % 3 == 0 else f"The sum of {a} and {b} is {a + b}."
            row = {
                "prompt": [
                    {"role": "system", "content": "You add."},
                    {"role": "user", "content": f"What is {a} plus {b}?"},
                ],
                "completion": [{"role": "assistant", "content": answer}],
            }
            file.write(json.dumps(row) + "\n")
