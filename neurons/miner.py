"""The documented entry point of the competition miner: it is `logicnet tune mine ...`."""

import sys
from pathlib import Path

from logicnet.cli import main

__path__ = [str(Path(__file__).with_suffix(""))]  # the folder beside stays importable: neurons.miner.miner

if __name__ == "__main__":
    sys.exit(main(["tune", "mine", *sys.argv[1:]]))
