"""`python -m logicnet ...` is `logicnet ...`."""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main())
