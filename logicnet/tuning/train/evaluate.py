"""Evaluate a submission: `python -m logicnet.tuning.train evaluate REQUEST.json ANSWER.json` (`evalfile`).

Weights are compared first. Losses are measured only of what may be a fine-tune: shapes that fit, numbers that
are finite. Code that comes with a model is never run, a pickle never opened.
"""

import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from logicnet.tuning.train.evalfile import Compared, Evaluation, EvaluationRequest, Losses
from logicnet.tuning.train.jobfile import EXIT_FAILED, Task

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from logicnet.tuning.train.chat_templates import set_template
from logicnet.tuning.train.compare import compare, likeness
from logicnet.tuning.train.weights import NotLoadable, Weights, config_of, is_adapter, modules_of

_LOGITS_AT_ONCE = 1 << 26
"""Numbers: 256 MiB in float32. A batch is smaller where the vocabulary is large."""

_SCORED_AT_ONCE = 1 << 22
"""Numbers of these that are copied at once."""

_WEIGHT_FILES = ("config.json", "*.safetensors", "model.safetensors.index.json")
_ADAPTER_FILES = ("adapter_model*.safetensors*",)
_BY_EXPRESSION = ("exclude_modules", "layers_to_transform", "layers_pattern")
"""Fields of a stranger's adapter that PEFT runs as regular expressions; its tensors tell its modules, too."""

Row = tuple[list[int], list[bool]]
"""Tokens of a row, and which of them count."""


@dataclass
class _TokenisedRows:
    """`lines`: of each row its line in the file, from 0; a text of several pieces has several rows."""

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)  # by reason
    count: int = 0  # lines of the file


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Raises NotLoadable, if the original or the rows are broken; a broken submission is an answer."""
    original, submission = Path(request.original), Path(request.model)
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    found = _rows(request)
    dropped = found.dropped
    Weights(original)
    try:
        named = None if request.adapter_base is None else Path(request.adapter_base)
        compared = compare(original, submission, request.original_name, named)
    except NotLoadable as error:
        return Evaluation(error=str(error))
    if not may_be_finetune(compared):
        return Evaluation(compared=compared, dropped=dropped)
    device = request.device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = _load(original, device)
    base = tuned = _measured(model, found, request)
    if compared.same < compared.tensors or compared.rows_added:
        try:
            if is_adapter(submission):
                model = _adapted(model, submission)
            else:
                del model
                model = _load(submission, device)
        except NotLoadable as error:
            return Evaluation(error=str(error))
        tuned = _measured(model, found, request)
    others = likeness(original, submission, compared.hash, request.others)
    return Evaluation(compared=compared, original=base, model=tuned, dropped=dropped, others=others)


def may_be_finetune(compared: Compared) -> bool:
    return not (
        compared.missing
        or compared.extra
        or compared.other_shape
        or compared.other_config
        or compared.non_finite
        or compared.other_base
    )


def _adapted(model: Any, folder: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 (slow; only adapters need it)

    with _only(folder, _ADAPTER_FILES) as view:
        config = config_of(folder, "adapter_config.json") | dict.fromkeys(_BY_EXPRESSION)
        config |= {"target_modules": modules_of(folder), "init_lora_weights": True}
        (view / "adapter_config.json").write_text(json.dumps(config))
        try:
            return PeftModel.from_pretrained(model, str(view)).eval()
        except Exception as error:  # whatever a stranger's configuration makes PEFT raise
            raise NotLoadable(f"{folder} cannot be loaded: {_line(error)}") from error


def _load(folder: Path, device: str) -> Any:
    """Float32 on a CPU: rounding to bfloat16 would hide that a permuted copy has the original's loss."""
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    with _only(folder, _WEIGHT_FILES) as view:
        try:
            model = AutoModelForCausalLM.from_pretrained(
                view, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
        except Exception as error:
            raise NotLoadable(f"{folder} cannot be loaded: {_line(error)}") from error
    return model.to(device).eval()


@contextmanager
def _only(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """A folder with nothing but links to these files: no code, pickles, or adapters that load themselves."""
    with tempfile.TemporaryDirectory() as view:
        for path in {path for pattern in patterns for path in folder.glob(pattern)}:
            (Path(view) / path.name).symlink_to(path.absolute())
        yield Path(view)


def _measured(model: Any, found: _TokenisedRows, request: EvaluationRequest) -> Losses:
    of_rows = losses(model, found.rows, request.batch)
    by_line: list[tuple[float, int] | None] = [None] * found.count
    for line, row in zip(found.lines, of_rows.by_row, strict=True):
        assert row is not None  # of a row that was measured
        before = by_line[line] or (0.0, 0)
        by_line[line] = before[0] + row[0], before[1] + row[1]
    return replace(of_rows, by_row=tuple(by_line) if request.by_row else ())


def losses(model: Any, rows: Sequence[Row], batch: int) -> Losses:
    """Sums in float64, row by row: neither the size of a batch nor padding changes them."""
    sums = [0.0] * len(rows)
    most_tokens = _LOGITS_AT_ONCE // model.config.get_text_config().vocab_size
    for numbers in _batches([len(ids) for ids, _ in rows], batch, most_tokens):
        longest = max(len(rows[number][0]) for number in numbers)
        ids = torch.zeros(len(numbers), longest, dtype=torch.long)
        real = torch.zeros_like(ids)
        for place, number in enumerate(numbers):
            tokens = rows[number][0]
            ids[place, : len(tokens)], real[place, : len(tokens)] = torch.tensor(tokens), 1
        with torch.inference_mode():
            logits = model(input_ids=ids.to(model.device), attention_mask=real.to(model.device)).logits
        for place, number in enumerate(numbers):
            tokens, counts = rows[number]
            at = torch.tensor(counts[1:]).nonzero().flatten().to(logits.device)
            targets = ids[place, 1:].to(logits.device)
            for part in at.split(max(1, _SCORED_AT_ONCE // logits.shape[-1])):  # copies of what is scored
                found = torch.nn.functional.cross_entropy(
                    logits[place, part].float(), targets[part], reduction="none"
                )
                sums[number] += found.double().sum().item()
    tokens_of = [sum(counts[1:]) for _, counts in rows]
    means = [
        sum(sums[start : start + batch]) / sum(tokens_of[start : start + batch])
        for start in range(0, len(rows), batch)
    ]
    loss = sum(sums) / sum(tokens_of)
    return Losses(
        loss=loss,
        perplexity=math.exp(min(loss, 700.0)),
        tokens=sum(tokens_of),
        rows=len(rows),
        dtype=str(model.dtype).removeprefix("torch."),
        mean_of_batches=sum(means) / len(means),
        by_row=tuple(zip(sums, tokens_of, strict=True)),
    )


def _batches(lengths: Sequence[int], batch: int, most_tokens: int) -> Iterator[list[int]]:
    """Numbers of rows, those of like length together."""
    found: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if found and (len(found) == batch or (len(found) + 1) * lengths[number] > most_tokens):
            yield found
            found = []
        found.append(number)
    if found:
        yield found


def _rows(request: EvaluationRequest) -> _TokenisedRows:
    """Raises NotLoadable without any row."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            request.original, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        raise NotLoadable(f"the tokenizer of {request.original} cannot be loaded: {_line(error)}") from error
    if request.task != "pretrain":
        try:
            set_template(tokenizer, request.chat_template)
        except ValueError as error:
            raise NotLoadable(str(error)) from None
    found = _TokenisedRows()
    with Path(request.rows).open() as file:
        for number, line in enumerate(file):
            found.count += 1
            for ids, counts in tokens_of(json.loads(line), request.task, tokenizer, request.max_length):
                reason = "too_long" if len(ids) > request.max_length else "" if any(counts[1:]) else "empty"
                if reason:
                    found.dropped[reason] = found.dropped.get(reason, 0) + 1
                else:
                    found.rows.append((ids, counts))
                    found.lines.append(number)
    if not found.rows:
        raise NotLoadable(f"{request.rows} has no row to evaluate; dropped: {found.dropped or 'none'}")
    return found


def tokens_of(row: dict[str, Any], task: Task, tokenizer: Any, max_length: int) -> list[Row]:
    """A long prompt loses its beginning, a completion nothing; a text is cut into pieces of `max_length`."""
    if task == "pretrain":
        ids = [*tokenizer(row["text"], add_special_tokens=True)["input_ids"], tokenizer.eos_token_id]
        return [
            (piece, [True] * len(piece))
            for piece in (ids[start : start + max_length] for start in range(0, len(ids), max_length))
            if len(piece) > 1
        ]
    if task == "chat":
        messages = row["messages"]
        ids = []
        counts: list[bool] = []
        for number, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt = _template(tokenizer, messages[:number], ask=True)
                ids = _template(tokenizer, messages[: number + 1], ask=False)
                counts += [False] * (len(prompt) - len(counts)) + [True] * (len(ids) - len(prompt))
        return [(ids, counts)]
    if task not in ("sft", "dpo"):
        raise NotLoadable(f"rows of the task {task} have no completion to measure a loss on")
    prompt = _template(tokenizer, row["prompt"], ask=True)
    whole = _template(tokenizer, row["prompt"] + row["completion" if task == "sft" else "chosen"], ask=False)
    cut = min(max(len(whole) - max_length, 0), len(prompt) - 1)
    return [(whole[cut:], [False] * (len(prompt) - cut) + [True] * (len(whole) - len(prompt)))]


def _template(tokenizer: Any, messages: list[dict[str, str]], *, ask: bool) -> list[int]:
    found: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=ask, return_dict=False)
    return found


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def main(request_path: str, answer_path: str) -> int:
    """Returns the exit status; the last line of stderr says what failed."""
    try:
        evaluate(EvaluationRequest.read(Path(request_path))).write(Path(answer_path))
    except (NotLoadable, OSError, ValueError, KeyError) as error:
        print(str(error) or type(error).__name__, file=sys.stderr)
        return EXIT_FAILED
    return 0
