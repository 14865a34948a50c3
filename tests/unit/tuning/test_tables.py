"""Jobs in a terminal: what strangers wrote is text, whatever signs it has."""

import io
import json
from pathlib import Path

from rich.console import Console

from logicnet.tuning import tables
from logicnet.tuning.folders import Folders
from logicnet.tuning.jobs import Job
from logicnet.tuning.spec import TrainSpec


def shown(folder: Path, model: str, warning: str) -> str:
    folders = Folders(folder)
    spec = TrainSpec(dataset="https://a.b/c?secret", model=model, dataset_type="alpaca", file_format="s3")
    job = folders.store().add(Job("a" * 32, "a" * 32, spec, "llama"))
    folders.job(job.id).mkdir(parents=True)
    event = {"at": 1.0, "kind": "warning", "message": warning}
    (folders.job(job.id) / "events.jsonl").write_text(json.dumps(event) + "\n")
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=False)
    console.print(tables._queue([job], folders))
    console.print(tables.one_job(job, folders, folders.store()))
    return out.getvalue()


def test_markup_and_terminal_codes_of_strangers_are_text(tmp_path):
    page = shown(tmp_path, "org/[/b][red]x", "\x1b]0;title\x07 says")
    assert page.count("org/[/b][red]x") == 2
    assert "\x1b" not in page
    assert "says" in page
    assert "secret" not in page
