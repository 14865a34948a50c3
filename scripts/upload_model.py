"""Publish a model and commit it, as `logicnet tune upload` does.

    python scripts/upload_model.py --load_model_dir FOLDER --hf_repo_id NAMESPACE/NAME \
        --wallet.name coldkey --wallet.hotkey hotkey
"""

import sys

from logicnet.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", "upload", *sys.argv[1:]]))
