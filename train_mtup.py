"""The documented entry point of MTUP training: `python3 train_mtup.py ...` is `logicnet tune amr ...`."""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", "amr", *sys.argv[1:]]))
