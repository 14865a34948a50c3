"""The documents' program with real models: `Actions` beside transformers, a hub, and a chain in memory."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

from tests.harness.tiny_models import ROOT, TUNE_PYTHON


def test_two_miners_load_save_and_push_models(base: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [TUNE_PYTHON, "-m", "tests.harness.acting", tmp_path, base, sysconfig.get_path("purelib")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("texts")[0].startswith("maker:first:")
    assert found == {"commits": 2, "changed": True, "same": True, "said": "1 + 2 = 3", "template": True}
