"""`python -m logicnet.tuning.search FOLDER AT_ONCE`: the search of FOLDER/search.json, on a Ray cluster."""

import sys
from pathlib import Path

from logicnet.tuning.search.ray_driver import drive

if __name__ == "__main__":
    sys.exit(drive(Path(sys.argv[1]), int(sys.argv[2])))
