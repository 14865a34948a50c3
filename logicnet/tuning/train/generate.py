"""What a trained model writes after held-out prompts: `... generate JOBFOLDER OUT.jsonl [ROWS]`.

A line of OUT is {"row": line of validation.jsonl, from 1, "text"}; greedy. The prompts are tokenised as they
were trained.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer

from logicnet.tuning.train import adapter, device
from logicnet.tuning.train.jobfile import JobFile, TrainResult
from logicnet.tuning.train.rows import IGNORED, prepare
from logicnet.tuning.train.running import Ended

AT_ONCE = 16
ROOM = 1.5
"""An answer may have so many times the tokens of the longest held-out completion."""


def generate(folder: Path, out: Path, most: int | None) -> None:
    """Raises Ended for a job that has no prompts with completions, or no result."""
    job = JobFile.read(folder)
    if job.task != "sft":
        raise Ended("failed", f"a job of task {job.task} has no prompts to answer")
    weights = folder / TrainResult.read(folder).adapter
    base = folder / job.base
    kind = device.choose_device(job.device)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    if job.lora is None:
        model = adapter.load_base(weights, device.choose_dtype(kind))
    else:
        model = PeftModel.from_pretrained(adapter.load_base(base, device.choose_dtype(kind)), weights)
    model = model.to(kind).eval()
    if job.threads is not None or sum(one.numel() for one in model.parameters()) < device.TINY:
        torch.set_num_threads(job.threads or 1)
    ends = model.generation_config.eos_token_id
    stops = set(ends if isinstance(ends, list) else [ends]) - {None} | {tokenizer.eos_token_id}
    rows = prepare(job, folder, tokenizer, stops).validation[:most]
    longest = max(sum(label != IGNORED for label in row["labels"]) for row in rows)
    with out.open("w") as file:
        for batch in _batches(rows):
            for number, text in _written(model, tokenizer, batch, sorted(stops), int(ROOM * longest) + 1):
                file.write(json.dumps({"row": number, "text": text}) + "\n")


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[tuple[int, list[int]]]]:
    """Line and prompt of rows of like length together."""
    prompts = [
        (row["row"], row["input_ids"][: sum(label == IGNORED for label in row["labels"])]) for row in rows
    ]
    prompts.sort(key=lambda one: len(one[1]))
    for start in range(0, len(prompts), AT_ONCE):
        yield prompts[start : start + AT_ONCE]


def _written(
    model: Any, tokenizer: Any, batch: list[tuple[int, list[int]]], stops: list[int], most: int
) -> Iterator[tuple[int, str]]:
    width = max(len(prompt) for _, prompt in batch)
    ids = torch.full((len(batch), width), stops[0], dtype=torch.long)
    real = torch.zeros_like(ids)
    for place, (_, prompt) in enumerate(batch):  # padded on the left: all go on at the same place
        ids[place, width - len(prompt) :] = torch.tensor(prompt)
        real[place, width - len(prompt) :] = 1
    with torch.inference_mode():
        written = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=real.to(model.device),
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=stops[0],
        )
    for place, (number, _) in enumerate(batch):
        yield number, tokenizer.decode(written[place, width:], skip_special_tokens=True)
