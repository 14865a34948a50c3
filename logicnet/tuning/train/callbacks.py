"""What happens beside training: events, the time limit, a stop that was asked for."""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from logicnet.tuning.train.device import load
from logicnet.tuning.train.running import Ended, Events, Stop

MARGIN = 1.2
"""Saving and evaluating are given this much more time than they ever took."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes events, ends training in time, and saves when it is asked to stop."""

    def __init__(self, events: Events, stop: Stop, deadline: float | None, started: dict[str, Any]) -> None:
        self._events = events
        self._stop = stop
        self._deadline = deadline  # of time.monotonic
        self._started = started
        self._tokens = 0.0
        self._step_begun = time.monotonic()
        self._longest_step = 0.0
        self.evaluation_s = 0.0
        self.saving_s = 0.0
        self.sampling_s = 0.0
        self.timed_out = False
        self.sample: Callable[[], tuple[str, str]] | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._events("started", **self._started, steps=state.max_steps)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._step_begun = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        now = time.monotonic()
        self._longest_step = max(self._longest_step, now - self._step_begun)
        last = self.saving_s + self.sampling_s + 2 * self.evaluation_s  # the second when the result is loaded
        late = self._deadline is not None and now + self._longest_step + MARGIN * last > self._deadline
        stopping, late = _of_any_process(self._stop.asked, late)
        if late and not control.should_training_stop:
            self.timed_out = True
        if late:
            control.should_evaluate = True
        if late or stopping:
            control.should_save = control.should_training_stop = True
        if stopping:
            control.should_evaluate = False

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        if "loss" not in logs:
            return
        norm = logs.get("grad_norm")
        if norm is not None and not math.isfinite(norm):
            raise Ended("non_finite", f"the gradient is {norm} at step {state.global_step}: lower lr")
        tokens = logs.get("num_tokens", 0.0)
        self._events(
            "step",
            step=state.global_step,
            epoch=state.epoch,
            loss=logs["loss"],
            lr=logs["learning_rate"],
            grad_norm=norm,
            seconds=time.monotonic() - self._step_begun,
            tokens=int(tokens - self._tokens),
            **load(args.device.type),
            **({"reward": logs["reward"]} if "reward" in logs else {}),
        )
        self._tokens = tokens

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,
    ) -> None:
        value = metrics[str(args.metric_for_best_model)]
        better = state.best_metric is None or (value > state.best_metric) == bool(args.greater_is_better)
        self._events(
            "eval",
            step=state.global_step,
            loss=metrics["eval_loss"],
            perplexity=metrics.get("eval_perplexity"),
            best=state.global_step > 0 and better and value != state.best_metric,
            **({"reward": metrics["eval_reward"]} if "eval_reward" in metrics else {}),
        )
        if self.sample is not None:
            begun = time.monotonic()
            prompt, text = self.sample()
            self._events("sample", prompt=prompt, text=text)
            self.sampling_s = max(self.sampling_s, time.monotonic() - begun)


def _of_any_process(*flags: bool) -> list[bool]:
    """Flags that are true in any process of the job: all must leave at the same step."""
    process = PartialState()
    if process.num_processes == 1:
        return list(flags)
    made = torch.tensor([float(flag) for flag in flags], device=process.device)
    torch.distributed.all_reduce(made, torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in made.tolist()]
