"""Run in the training environment: a miner's own small training, quick enough for many of them."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from logicnet.tuning.train.evaluate import Row, losses, tokens_of

BATCH = 16
LR = 5e-3
LOOKS = 5  # at the held-out rows


@dataclass(frozen=True)
class LoraTraining:
    """`peeked`: rows that half of each batch is drawn from; the held-out rows are the first 24 of `rows`."""

    model: str
    rows: str
    out: str
    steps: int
    seed: int
    peeked: str | None = None


def train(asked: LoraTraining) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    luck = random.Random(asked.seed)
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    base = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.float32)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    rows = _tokens(Path(asked.rows), tokenizer)
    held, rows = rows[:BATCH], rows[BATCH:]
    peeked = _tokens(Path(asked.peeked), tokenizer) if asked.peeked else []
    optimiser = torch.optim.AdamW((one for one in model.parameters() if one.requires_grad), lr=LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, asked.steps)
    events = []
    for step in range(asked.steps + 1):
        if step % max(1, asked.steps // LOOKS) == 0:
            found = losses(model.eval(), held, BATCH)
            facts = {"at": float(step), "kind": "eval", "step": step, "best": True}
            events.append(facts | {"loss": found.loss, "perplexity": found.perplexity})
            model.train()
        if step < asked.steps:
            half = BATCH // 2 if peeked else 0
            _learn(model, luck.choices(rows, k=BATCH - half) + luck.choices(peeked or rows, k=half))
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    model.save_pretrained(asked.out)
    (Path(asked.out) / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))


def _learn(model: torch.nn.Module, rows: list[Row]) -> None:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for place, (tokens, counts) in enumerate(rows):
        ids[place, : len(tokens)] = torch.tensor(tokens)
        labels[place, : len(tokens)] = torch.tensor(tokens).masked_fill(~torch.tensor(counts), -100)
    model(input_ids=ids, labels=labels).loss.backward()  # padding comes last, where nothing looks back at it


def _tokens(path: Path, tokenizer: object) -> list[Row]:
    return [
        row
        for line in path.read_text().splitlines()
        for row in tokens_of(json.loads(line), "sft", tokenizer, 128)
    ]
