"""What is found while a job is prepared reaches whoever asked for it."""

import dataclasses
import io
import json
import sys
from pathlib import Path

from rich.console import Console

from logicnet.settings import TuningSettings
from logicnet.tuning.folders import Folders
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import Job
from logicnet.tuning.progress import Progress, write_attempt
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.tables import facts, one_job
from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.workshop import Workshop
from tests.unit.tuning.test_control import model_in

TOLD = "the answer is in the question already"


async def prepared(folder: Path) -> tuple[Job, Folders]:
    """A job of 20 rows whose prompts contain their completions, and 3 that repeat the first."""
    rows = [{"question": f"{n}: {TOLD}", "answer": TOLD} for n in (*range(20), 0, 0, 0)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = TrainSpec(
        dataset=str(folder / "rows.jsonl"),
        model=str(model_in(folder / "model")),
        dataset_type={"field_instruction": "question", "field_output": "answer"},
        file_format="jsonl",
        overrides={"lr": 1e-9},
    )
    settings = TuningSettings(folder=folder / "tuning")
    shop = Workshop(settings, Folders.of(settings), None, Isolation("process", Path(sys.executable)))
    job = shop.folders.store().add(Job("a" * 32, "a" * 32, spec, "llama"))
    shop.folders.job(job.id).mkdir(parents=True)
    await shop.prepare(job, shop.folders.job(job.id))
    return job, shop.folders


async def test_dropped_rows_and_warnings_are_in_the_status_and_in_the_terminal(tmp_path):
    job, folders = await prepared(tmp_path)
    for number in range(1, 9):  # later words of the trainer do not push them out
        write_attempt(folders.job(job.id), number, None, float(number))
        with (folders.job(job.id) / "events.jsonl").open("a") as file:
            file.write(
                json.dumps({"at": number + 0.5, "kind": "warning", "message": f"later {number}"}) + "\n"
            )
    told = facts(job, folders)
    assert told["metrics"]["rows"]["dropped"] == {"duplicate": 3}
    assert told["metrics"]["rows"]["trained"] + told["metrics"]["rows"]["validation"] == 20
    said = " ".join(told["metrics"]["warnings"])
    assert "lr 1e-09" in said and "contain their completion" in said
    assert {one["words"] for one in told["advice"]} >= set(told["metrics"]["warnings"])
    out = io.StringIO()
    Console(file=out, width=200).print(one_job(job, folders, folders.store()))
    assert "dropped: 3 duplicate" in out.getvalue()
    assert "contain their completion" in out.getvalue()


async def test_the_trainer_gets_the_counts_and_the_places_of_rows(tmp_path):
    job, folders = await prepared(tmp_path)
    folder = folders.job(job.id)
    file = JobFile.read(folder)
    assert (file.dropped, file.columns) == ({"duplicate": 3}, {"completion": "answer"})
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    for row in rows:
        number = int(row["prompt"][-1]["content"].partition(":")[0])
        assert row["row"] == number + 1


async def test_a_job_that_was_only_prepared_has_heard_of_no_trainer(tmp_path):
    job, folders = await prepared(tmp_path)
    progress = Progress(folders.job(job.id))
    progress.read()
    assert progress.rows is not None and dataclasses.asdict(progress.rows)["dropped"] == {"duplicate": 3}
    assert (progress.spoke, progress.trained_s) == (False, 0.0)
