"""The documented entry point of the training service: `python main.py ...` is `logicnet tune serve ...`."""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", "serve", *sys.argv[1:]]))
