"""Where else a training is logged: wandb and trackio, by transformers' callbacks. Standard library only."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.train.running import Events


def prepare_sinks(job: JobFile, folder: Path, events: Events) -> None:
    """Let wandb and trackio write into the job's folder; wandb is offline where its server does not answer.

    Called before any library is imported: trackio reads its folder then.
    """
    if "trackio" in job.report_to:
        os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))
    if "wandb" in job.report_to:
        os.environ.setdefault("WANDB_DIR", str(folder))
        os.environ.setdefault("WANDB_SILENT", "true")
        for name, value in (("PROJECT", job.wandb_project), ("ENTITY", job.wandb_entity)):
            if value is not None:
                os.environ[f"WANDB_{name}"] = value
        if "WANDB_MODE" not in os.environ and not _reaches_wandb():
            os.environ["WANDB_MODE"] = "offline"
            events("warning", message=f"wandb writes to {folder / 'wandb'} only: `wandb sync` uploads it")


def _reaches_wandb() -> bool:
    address = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai"))
    if not os.environ.get("WANDB_API_KEY"):
        return False
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True
