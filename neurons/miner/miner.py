"""The documented entry point: `python neurons/miner/miner.py --netuid 35 ...` is `logicnet mine ...`."""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main(["mine", *sys.argv[1:]]))
