"""Train a language model by TRL's own trainers: sft, pretrain, chat, dpo, grpo.

TRL and transformers train, schedule, log and save. Added are: rows cut as rows.py does, held-out loss by
tokens, a stop at the first loss that is not finite, checkpoints that are whole or absent, and a result that
was loaded again from the disk and gave the same loss before it is called one.
"""

import math
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from jinja2 import TemplateError
from peft import LoraConfig, PeftModel
from transformers import (
    AutoTokenizer,
    BitsAndBytesConfig,
    EarlyStoppingCallback,
    PreTrainedTokenizerBase,
    TrainerState,
)
from transformers.trainer_utils import get_last_checkpoint
from trl import DPOConfig, GRPOConfig, SFTConfig

from logicnet.tuning.train import adapter, device
from logicnet.tuning.train.callbacks import Watch
from logicnet.tuning.train.expected import prompt_of, write_expected
from logicnet.tuning.train.jobfile import JobFile, TrainResult, hash_of
from logicnet.tuning.train.rewards import reward_function
from logicnet.tuning.train.rows import TokenRows, completion_tokens, prepare
from logicnet.tuning.train.running import Ended, Events, Stop, need_disk, reading, saving
from logicnet.tuning.train.trainers import (
    Dpo,
    Grpo,
    Numbered,
    Sft,
    batch_of,
    checkpoint_bytes,
    length_of,
    probe_row,
    token_loss,
)

MOST_LOGS = 10_000
"""Steps of one training that get an event of their own; of a longer one every second, third, ... does."""

SAMPLE_TOKENS = 64
PROBE_ROWS = 16
"""Held-out rows whose token loss identifies the weights of a DPO or GRPO job."""

SAME_ADAPTER, SAME_WEIGHTS = 0.002, 0.02
"""How far, relatively, the loss of a result that was loaded again may be from the measured one.

All weights are saved in the base's number type, so they are rounded; an adapter is not."""

ACTIVATIONS = 34
"""Bytes of activations for each token, layer and hidden unit in 16 bit (Korthikanti et al. 2022, table 2)."""


def train(job: JobFile, folder: Path, events: Events, stop: Stop, started: float) -> TrainResult | None:
    """Train a job of text; None in all processes but the first. `started`: time.monotonic() of the program.

    Raises Ended, and what the libraries raise.
    """
    process = PartialState(cpu=device.choose_device(job.device) == "cpu")
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    for leftover in (checkpoints / ".part", folder / ".adapter.part"):
        if process.is_main_process:
            shutil.rmtree(leftover, ignore_errors=True)
    stop.check()
    trainer, rows, facts = _trainer(job, folder, events, stop, started)
    checkpoint = get_last_checkpoint(str(checkpoints))
    if checkpoint is None:
        trainer.watch.saving_s = _try_saving(trainer, folder)
    else:
        facts["resumed_from"] = int(checkpoint.rpartition("-")[2])
    stop.check()
    _run(trainer, checkpoint)
    if stop.asked:
        raise Ended("cancelled", f"asked to stop; saved at step {trainer.state.global_step}")
    return _finish(trainer, job, folder, rows, started)


def _run(trainer: Any, checkpoint: str | None) -> None:
    """Train from a checkpoint, or from the start; not at all if the checkpoint is the last step's."""
    if checkpoint is not None:
        trainer.args.eval_on_start = False
        state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
        if state.global_step >= trainer.args.max_steps:  # killed when only the result was to be made
            trainer.state = state
            return
    trainer.train(resume_from_checkpoint=checkpoint)


def _trainer(
    job: JobFile, folder: Path, events: Events, stop: Stop, started: float
) -> tuple[Any, TokenRows, dict[str, Any]]:
    """The trainer of the task, ready; its rows; the facts of the event `started`, which may still change."""
    kind = PartialState().device.type
    base = folder / job.base
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    dtype = device.choose_dtype(kind)
    model = _load(job, base, dtype, kind)
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) - {None}
    with reading(TemplateError):
        rows = prepare(job, folder, tokenizer, ends | {tokenizer.eos_token_id})
    for warning in rows.warnings:
        events("warning", message=warning)
    if rows.too_long:
        events("warning", message=f"dropped: {rows.told(job.optimisation.max_length)}")
    facts: dict[str, Any] = {"device": kind, "dtype": str(dtype).removeprefix("torch."), "resumed_from": None}
    facts["threads"] = _threads(job, model, rows, events, dtype) if kind == "cpu" else torch.get_num_threads()
    config = _config(job, folder, model, rows, dtype)
    deadline = None if job.stopping.seconds is None else started + job.stopping.seconds
    watch = Watch(events, stop, deadline, facts)
    patience = EarlyStoppingCallback(job.stopping.patience, job.stopping.min_delta)
    if job.adapter_from is not None and job.lora is not None:
        adapter.check_config(folder / job.adapter_from)
        model = PeftModel.from_pretrained(model, folder / job.adapter_from, is_trainable=True)
    known: dict[str, Any] = {
        "model": model,
        "args": config,
        "train_dataset": Dataset.from_list(rows.train),
        "eval_dataset": Dataset.from_list(rows.validation),
        "processing_class": tokenizer,
        "callbacks": [watch, patience],
        "peft_config": None if job.lora is None or job.adapter_from is not None else _lora(job),
    }
    trainer: Any
    torch.manual_seed(job.seed)  # an adapter's matrices begin with random numbers
    if job.task == "grpo":
        trainer = Grpo(**known, reward_funcs=[reward_function(one) for one in job.rewards])
    else:
        trainer = (Dpo if job.task == "dpo" else Sft)(**known)
        trainer.data_collator = Numbered(trainer.data_collator)
    trainer.watch, trainer.events, trainer.stop, trainer.patience = watch, events, stop, patience
    trainer.probe_rows = [probe_row(row) for row in rows.validation[:PROBE_ROWS]]
    if job.sample:
        watch.sample = lambda: _sample(trainer, tokenizer, rows.validation[0])
    return trainer, rows, facts


def _load(job: JobFile, base: Path, dtype: torch.dtype, kind: str) -> Any:
    if job.adapter_from is not None and job.lora is None:
        raise Ended(
            "failed", "adapter_from needs lora: an adapter cannot go on as all weights; merge it first"
        )
    options: dict[str, Any] = {"attn_implementation": job.optimisation.attention}
    if job.lora is not None and job.lora.quantised:
        if kind != "cuda":
            raise Ended(
                "failed", f"lora.quantised (QLoRA) needs CUDA, this is {kind}: set lora.quantised to false"
            )
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        options["device_map"] = {"": PartialState().process_index}
    # All weights are trained in float32, else small updates round to nothing; autocast computes in `dtype`.
    return adapter.load_base(base, torch.float32 if job.lora is None else dtype, **options)


def _lora(job: JobFile) -> LoraConfig:
    assert job.lora is not None
    targets = job.lora.targets
    return LoraConfig(
        r=job.lora.r,
        lora_alpha=job.lora.alpha,
        lora_dropout=job.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )


def _config(job: JobFile, folder: Path, model: Any, rows: TokenRows, dtype: torch.dtype) -> Any:
    """TRL's configuration of the task."""
    process = PartialState()
    how, stopping = job.optimisation, job.stopping
    share = max(1, len(rows.train) // process.num_processes)
    batch = min(how.batch, share)
    accumulate = min(how.accumulate, max(1, share // batch))
    epoch = math.ceil(len(rows.train) / (batch * accumulate * process.num_processes))
    steps = max(1, math.ceil(epoch * how.epochs))
    if how.max_steps is not None:
        steps = min(steps, how.max_steps)
    every = max(1, min(math.ceil(steps / max(1, stopping.evaluations)), epoch))
    together = job.generations if job.task == "grpo" else 1
    longest = max(length_of(row) for row in rows.train) + (
        completion_tokens(how.max_length) if together > 1 else 0
    )
    known: dict[str, Any] = {
        "output_dir": str(folder / "checkpoints"),
        "run_name": job.id,
        "project": "logicnet",
        "seed": job.seed,
        "learning_rate": how.lr,
        "lr_scheduler_type": how.schedule,
        "warmup_steps": round(how.warmup * steps),
        "weight_decay": how.weight_decay,
        "optim": how.optimiser,
        "per_device_train_batch_size": batch * together,
        "per_device_eval_batch_size": batch * together,
        "gradient_accumulation_steps": accumulate,
        "num_train_epochs": how.epochs,
        "max_steps": steps,
        "logging_steps": math.ceil(steps / MOST_LOGS),
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps",
        "eval_steps": every,
        "eval_on_start": True,
        "save_strategy": "steps",
        "save_steps": every,
        "metric_for_best_model": "eval_reward" if job.task == "grpo" else "eval_loss",
        "greater_is_better": job.task == "grpo",
        "report_to": list(job.report_to) or "none",
        "disable_tqdm": True,
        "bf16": dtype is torch.bfloat16,
        "fp16": process.device.type == "cuda" and dtype is torch.float32,  # a GPU without bfloat16
        "use_cpu": process.device.type == "cpu",
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": process.device.type == "cuda",
        "gradient_checkpointing": _activations(model, batch * together * longest)
        > device.free_memory(process.device.type) / 4,
    }
    if job.task == "grpo":
        if not job.rewards:
            raise Ended("failed", "task grpo needs at least one reward function")
        known |= {} if job.beta is None else {"beta": job.beta}
        return GRPOConfig(
            **known,
            num_generations=job.generations,
            max_completion_length=completion_tokens(how.max_length),
            reward_weights=[reward.weight for reward in job.rewards],
        )
    known["max_length"] = None  # rows.py has cut
    if job.task == "dpo":
        return DPOConfig(**known, **({} if job.beta is None else {"beta": job.beta}))
    return SFTConfig(**known)


def _activations(model: Any, tokens: int) -> float:
    config = model.config.get_text_config()
    return float(tokens * config.num_hidden_layers * config.hidden_size * ACTIVATIONS)


def _threads(job: JobFile, model: Any, rows: TokenRows, events: Events, dtype: torch.dtype) -> int:
    earlier = events.earlier("started")
    threads = job.threads or (earlier[-1]["threads"] if earlier else None)
    if threads is not None:  # a resumed job adds in the same order as before
        torch.set_num_threads(threads)
        return int(threads)
    longest = sorted(rows.train, key=length_of)[-job.optimisation.batch :]
    ids, mask, _ = batch_of([probe_row(row) for row in longest], model.device)

    def step() -> None:
        with torch.autocast("cpu", dtype, enabled=dtype is torch.bfloat16):
            hidden = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        hidden.float().sum().backward()
        model.zero_grad()

    return device.choose_threads(model.num_parameters(), step)


def _try_saving(trainer: Any, folder: Path) -> float:
    """Save the untrained weights once and drop them: a disk that is full is found before hours of training.

    Returns seconds.
    """
    begun = time.monotonic()
    part = folder / "checkpoints" / ".part"
    need_disk(folder, 3 * checkpoint_bytes(trainer.model))  # the best one, the last, and one being written
    with saving(folder):
        trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        shutil.rmtree(part)
    return time.monotonic() - begun


def _finish(trainer: Any, job: JobFile, folder: Path, rows: TokenRows, started: float) -> TrainResult | None:
    """Make `adapter/` of the best checkpoint, load it again, and compare its loss with what was measured."""
    state: TrainerState = trainer.state
    base = folder / job.base
    best = int(state.best_global_step or 0)
    measured = {entry["step"]: entry for entry in state.log_history if "eval_loss" in entry}
    checkpoint = folder / "checkpoints" / f"checkpoint-{best}"
    made = folder / "adapter"
    if trainer.args.should_save:
        if job.lora is not None:
            adapter.publish_checkpoint(checkpoint, made, job.base_name)
        else:
            adapter.publish_weights(checkpoint, made, adapter.base_dtype(base))
    trainer.accelerator.wait_for_everyone()
    expected = measured[best]["eval_probe"]
    found = _loss_from_disk(trainer, job, made)
    tolerance = SAME_WEIGHTS if job.lora is None else SAME_ADAPTER
    if not abs(found - expected) <= tolerance * max(1.0, abs(expected)):
        raise Ended(
            "failed",
            f"the result loaded again from {made} has loss {found:.4f}, in training it was {expected:.4f}",
        )
    if not trainer.args.should_save:
        return None
    if job.lora is not None:
        with trainer.accelerator.autocast():
            write_expected(trainer.model, trainer.processing_class, rows.validation, folder / "expected.json")
    first, last = measured[min(measured)], measured[best]
    return TrainResult(
        reason=_reason(trainer),
        best_step=best,
        first_loss=first["eval_loss"],
        best_loss=last["eval_loss"],
        perplexity=last.get("eval_perplexity"),
        steps=state.global_step,
        rows={
            "trained": len(rows.train),
            "validation": len(rows.validation),
            "cut": rows.cut,
            "too_long": rows.too_long,
            **job.dropped,
        },
        seconds=time.monotonic() - started,
        peak_memory_bytes=device.peak_memory(trainer.accelerator.device.type),
        adapter=made.name,
        hashes={
            "base": hash_of(base),
            "train": hash_of(folder / job.train),
            "validation": hash_of(folder / job.validation),
            "adapter": hash_of(made),
        },
        versions={
            name: version(name) for name in ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
        },
        reward=(first["eval_reward"], last["eval_reward"]) if job.task == "grpo" else None,
    )


def _reason(trainer: Any) -> str:
    if trainer.watch.timed_out:
        return "time"
    waited = trainer.patience.early_stopping_patience_counter >= trainer.patience.early_stopping_patience
    return "patience" if waited and trainer.state.global_step < trainer.state.max_steps else "done"


def _loss_from_disk(trainer: Any, job: JobFile, made: Path) -> float:
    """The loss that identifies the weights, of `adapter/` as it lies on the disk."""
    where = trainer.accelerator.device
    if job.lora is not None:
        fresh = PeftModel.from_pretrained(trainer.accelerator.unwrap_model(trainer.model).unload(), made)
    else:
        trainer.model = trainer.model_wrapped = trainer.optimizer = None
        trainer.accelerator.free_memory()
        fresh = adapter.load_base(made, torch.float32)
    trainer.model = fresh.to(where)
    rows = trainer.eval_dataset if isinstance(trainer, Sft) else trainer.probe_rows
    return token_loss(trainer, rows)


def _sample(trainer: Any, tokenizer: PreTrainedTokenizerBase, row: dict[str, Any]) -> tuple[str, str]:
    """A held-out prompt, and what the model writes after it now."""
    prompt = prompt_of(row)
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.eval()
    ids = torch.tensor([prompt], device=trainer.accelerator.device)
    with torch.no_grad(), trainer.accelerator.autocast():
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=SAMPLE_TOKENS,
            do_sample=False,
        )
    return tokenizer.decode(prompt), tokenizer.decode(written[0, len(prompt) :], skip_special_tokens=True)
