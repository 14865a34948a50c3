"""TRL's trainers, each with what all tasks here do in another way than transformers does."""

import math
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput
from trl import DPOTrainer, GRPOTrainer, SFTTrainer

from logicnet.tuning.train.callbacks import Watch
from logicnet.tuning.train.rows import IGNORED
from logicnet.tuning.train.running import Ended, Events, Stop, need_disk, saving, write_renamed


class Whole:
    """Mixed into TRL's trainers: what all tasks here do in another way than transformers does."""

    args: Any
    state: Any
    model: Any
    accelerator: Any
    _signature_columns: list[str]
    watch: Watch
    events: Events
    stop: Stop
    probe_rows: list[dict[str, Any]]

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[misc]
        if "row" not in self._signature_columns:
            self._signature_columns.append("row")

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(inputs, dict):
            rows = inputs.pop("row").tolist()
        else:
            rows = sorted({row["row"] for row in inputs})
        loss = super().training_step(model, inputs, *arguments, **options)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise Ended("non_finite", self._not_finite(float(loss), rows))
        return loss

    def _not_finite(self, loss: float, rows: list[int]) -> str:
        step, lines = self.state.global_step + 1, ", ".join(map(str, sorted(set(rows))))
        at = f"at step {step}, in lines {lines} of the training rows"
        return f"the loss is {loss} {at}: look at these, or lower lr {self.args.learning_rate}"

    def evaluation_loop(self, dataloader: Any, *arguments: Any, **options: Any) -> EvalLoopOutput:
        begun = time.monotonic()
        try:
            with torch.random.fork_rng():  # training's luck does not depend on evaluations
                torch.manual_seed(self.args.seed)  # GRPO samples: the same luck each time
                found = self._measure(dataloader, *arguments, **options)
        except Ended as ended:
            if ended.reason == "cancelled" and self.state.global_step > 0:
                self._save_checkpoint(self.model, None)
            raise
        loss = found.metrics["eval_loss"]
        if not math.isfinite(loss):
            raise Ended(
                "non_finite", f"the held-out loss is {loss} at step {self.state.global_step}: lower lr"
            )
        self.watch.evaluation_s = max(self.watch.evaluation_s, time.monotonic() - begun)
        return found

    def _measure(self, dataloader: Any, *arguments: Any, **options: Any) -> EvalLoopOutput:
        found = super().evaluation_loop(dataloader, *arguments, **options)  # type: ignore[misc]
        found.metrics["eval_probe"] = token_loss(self, self.probe_rows)
        return found

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        begun = time.monotonic()
        root = Path(self.args.output_dir)
        name = f"checkpoint-{self.state.global_step}"
        part = root / ".part"
        need_disk(root, checkpoint_bytes(self.model))
        self.args.output_dir = str(part)
        try:
            with saving(root):
                Trainer._save_checkpoint(self, model, trial)
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    write_renamed(root / name, part / name)
        finally:
            self.args.output_dir = str(root)
        if self.args.should_save:
            kept = {name, f"checkpoint-{self.state.best_global_step}"}
            for path in root.glob("checkpoint-*"):
                if path.name not in kept:
                    shutil.rmtree(path)
            self.events("checkpoint", step=self.state.global_step, path=f"checkpoints/{name}")
        self.accelerator.wait_for_everyone()
        self.watch.saving_s = max(self.watch.saving_s, time.monotonic() - begun)


class Sft(Whole, SFTTrainer):  # type: ignore[misc]
    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss. Without Triton, TRL projects every position onto the vocabulary; this does not."""
        if self.accelerator.device.type == "cuda" or self.aux_loss_enabled or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        mask = inputs["attention_mask"]
        losses = token_losses(model, inputs["input_ids"], mask, inputs["labels"])
        items = losses.numel() if num_items_in_batch is None else num_items_in_batch
        if num_items_in_batch is not None:
            items = items / self.accelerator.num_processes  # gradients become means over processes
        self._total_train_tokens += int(mask.sum()) * self.accelerator.num_processes
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return losses.sum() / items

    def _measure(self, dataloader: Any, *_: Any, **__: Any) -> EvalLoopOutput:
        loss = token_loss(self, self.eval_dataset)
        perplexity = math.exp(min(loss, 700))
        metrics = {"eval_loss": loss, "eval_probe": loss, "eval_perplexity": perplexity}
        return EvalLoopOutput(None, None, metrics, len(self.eval_dataset))


class Dpo(Whole, DPOTrainer):  # type: ignore[misc]
    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset  # tokenised by rows.py


class Grpo(Whole, GRPOTrainer):  # type: ignore[misc]
    def _measure(self, dataloader: Any, *arguments: Any, **options: Any) -> EvalLoopOutput:
        self._metrics["eval"].clear()
        found = super()._measure(dataloader, *arguments, **options)
        rewards = self._metrics["eval"]["reward"]
        found.metrics["eval_reward"] = sum(rewards) / len(rewards)
        return found


class Numbered:
    """TRL's collator, with the lines that rows came from beside the tokens."""

    def __init__(self, collator: Any) -> None:
        self._collator = collator

    def __call__(self, examples: list[dict[str, Any]]) -> Any:
        batch = self._collator(examples)
        batch["row"] = torch.tensor([example["row"] for example in examples])
        return batch


def token_loss(trainer: Any, rows: Iterable[dict[str, Any]]) -> float:
    """Sum of the losses of all trained tokens of `rows`, divided by their number; in all processes the same.

    Neither batches nor padding change it, nor how rows are spread over processes.
    """
    model, process = trainer.model, PartialState()
    model.eval()
    ordered = sorted(rows, key=length_of)
    size = trainer.args.per_device_eval_batch_size
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    total = torch.zeros(2, dtype=torch.float64, device=trainer.accelerator.device)
    for batch in batches[process.process_index :: process.num_processes]:
        trainer.stop.check()
        ids, mask, labels = batch_of(batch, trainer.accelerator.device)
        with torch.no_grad(), trainer.accelerator.autocast():
            losses = token_losses(model, ids, mask, labels).double()
        total += torch.stack([losses.sum(), torch.tensor(losses.numel(), device=losses.device)])
    total = trainer.accelerator.reduce(total)
    return float(total[0] / total[1])


def token_losses(model: Any, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Losses of all trained tokens of a batch, one dimension. Only columns that are trained get logits."""
    wanted = labels[:, 1:] != IGNORED
    columns = wanted.any(0).nonzero()[:, 0]
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=columns).logits
    wanted = wanted[:, columns]
    targets = labels[:, 1:][:, columns][wanted]
    return torch.nn.functional.cross_entropy(logits[wanted].float(), targets, reduction="none")


def batch_of(
    rows: list[dict[str, Any]], where: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, attention mask and labels, padded on the right."""
    width = max(len(row["input_ids"]) for row in rows)
    ids = [row["input_ids"] + [0] * (width - len(row["input_ids"])) for row in rows]
    mask = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows]
    labels = [row["labels"] + [IGNORED] * (width - len(row["labels"])) for row in rows]
    return tuple(torch.tensor(one, device=where) for one in (ids, mask, labels))


def probe_row(row: dict[str, Any]) -> dict[str, Any]:
    """Tokens of a row of any task, as one row of plain text."""
    if "input_ids" in row:
        return row
    tokens = row["prompt_ids"] + row.get("chosen_ids", [])
    return {"input_ids": tokens, "labels": tokens}


def length_of(row: dict[str, Any]) -> int:
    """Tokens of a row of any task."""
    return len(probe_row(row)["input_ids"])


def checkpoint_bytes(model: Any) -> float:
    """About what a checkpoint takes: what is trained, two moments of AdamW for each, 20 MB of others."""
    trained = sum(one.numel() * one.element_size() for one in model.parameters() if one.requires_grad)
    return 3.0 * float(trained) + 2e7
