"""What a trained adapter says, written down, so that a model server can be asked whether it has it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from logicnet.tuning.train.jobfile import write_json
from logicnet.tuning.train.rows import IGNORED

TEXTS = 3
"""Of held-out rows. Each costs one text of time, some seconds on two cores."""

LEAST_TOKENS, MOST_TOKENS = 64, 512
"""A text gets twice the tokens of the longest held-out completion, within these bounds."""


def write_expected(
    model: Any, tokenizer: PreTrainedTokenizerBase, rows: Sequence[dict[str, Any]], path: Path
) -> None:
    """Write the adapter's likeliest texts after held-out prompts (jobfile.py has the format).

    `model` is a PeftModel on its device; it is left in evaluation mode.
    """
    model.eval()
    ends = model.generation_config.eos_token_id
    ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}
    longest = max(sum(label != IGNORED for label in row.get("labels", ())) for row in rows)
    most = min(MOST_TOKENS, max(LEAST_TOKENS, 2 * longest))
    texts = [_text(model, tokenizer, prompt_of(row), ends, most) for row in rows[:TEXTS]]
    write_json(path, {"format": 1, "texts": [one for one in texts if one["tokens"]]})


def prompt_of(row: Mapping[str, Any]) -> list[int]:
    """The tokens before those that are trained; the first half of a plain text."""
    if "labels" not in row:
        return list(row["prompt_ids"])
    first = next(at for at, label in enumerate(row["labels"]) if label != IGNORED)
    return list(row["input_ids"][:first] or row["input_ids"][: max(1, len(row["input_ids"]) // 2)])


def _text(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompt: list[int], ends: set[int], most: int
) -> dict[str, Any]:
    ids = torch.tensor([prompt], device=model.device)
    with torch.no_grad():
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=min(ends),
        )
        tokens = written[0, len(prompt) :].tolist()
        logprobs = _logprobs(model, written, len(tokens))
        with model.disable_adapter():
            base = _logprobs(model, written, len(tokens))
    return {
        "prompt": prompt,
        "tokens": tokens,
        "logprobs": logprobs,
        "base_logprobs": base,
        "text": tokenizer.decode(tokens, skip_special_tokens=True),
        "ended": bool(tokens) and tokens[-1] in ends,
    }


def _logprobs(model: Any, ids: torch.Tensor, count: int) -> list[float]:
    """Of the last `count` tokens."""
    if not count:
        return []
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    found = logits[0, -count - 1 : -1].float().log_softmax(-1).gather(1, ids[0, -count:, None])[:, 0]
    return [one if math.isfinite(one) else -1e4 for one in found.tolist()]
