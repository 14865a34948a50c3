"""A program in uv's place: it records its calls, and fails those that FOLDER/fails.json lists.

`python scripted_uv.py FOLDER ...`: fails.json holds lists of arguments. A call that has all arguments of one
list fails and prints FOLDER/says.txt; with `!` before an argument, the call must not have it. A line of
FOLDER/calls.jsonl holds the arguments and the environment of one call.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(folder: Path, argv: list[str]) -> int:
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"argv": argv, "env": dict(os.environ)}) + "\n")
    failing: list[list[str]] = json.loads((folder / "fails.json").read_text())
    if any(all((word.lstrip("!") in argv) != word.startswith("!") for word in words) for words in failing):
        print((folder / "says.txt").read_text())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
