"""`python -m logicnet.cli` is `logicnet`."""

import sys

from logicnet.cli import main

sys.exit(main())
