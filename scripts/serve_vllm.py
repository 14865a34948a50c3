"""What pm2 starts: `python scripts/serve_vllm.py --model ...` is `logicnet vllm --model ...`."""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main(["vllm", *sys.argv[1:]]))
