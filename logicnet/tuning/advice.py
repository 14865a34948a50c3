"""Plain advice while a job trains: rules on its events, with the flags of the documents that we follow.

Source of the rules: the MTUP training guide's table of symptoms.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from logicnet.tuning.progress import Progress

SPIKE_SD = 3.0
"""Robust standard deviations (1.4826 times the median of distances) above the median of the steps before."""

RISES = 3
"""Evaluations in a row with a higher loss: the learning rate is too high."""

FLAT_SHARE = 0.2
FLAT_GAIN = 0.01
"""A loss that fell by less than 1 % in 20 % of the steps does not move."""

SMALL_LR = 1e-6
"""Below it a LoRA does not move at all (a grid of 1e-8 and 1e-10 was once published)."""

BUSY_GPU = 0.8
FULL_MEMORY = 0.95


@dataclass(frozen=True)
class Hint:
    """`flag` is what to change, as on the command line."""

    level: Literal["info", "warning", "error"]
    words: str
    flag: str = ""


def advise(progress: Progress, *, hours: float | None = None) -> list[Hint]:
    """What stands out in a training, the most urgent first. `hours` are granted; None: no limit."""
    found = [
        *_ending(progress),
        *_losses(progress),
        *_pace(progress, hours),
        *_machine(progress),
        *(Hint("warning", one) for one in progress.warned),
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda one: order[one.level])


def _ending(progress: Progress) -> Iterator[Hint]:
    match progress.ended and progress.ended.reason:
        case "non_finite":
            yield Hint("error", "The loss is not a number any more: halve the learning rate.", "--lr 1e-4")
        case "out_of_memory":
            yield Hint("error", "The memory was too small: a smaller batch.", "--batch-size 2 --grad-accum 8")
        case "patience":
            yield Hint("info", "Held-out loss stopped falling; the best weights before that are the result.")
        case "time":
            yield Hint("warning", "Time was up before the last step; the best weights so far are the result.")


def _losses(progress: Progress) -> Iterator[Hint]:
    losses = [loss for _, loss in progress.curve]
    if len(losses) >= 12:
        before = losses[-21:-1]
        middle = statistics.median(before)
        spread = 1.4826 * statistics.median(abs(one - middle) for one in before)
        if losses[-1] > middle + SPIKE_SD * max(spread, 0.02 * middle):
            words = f"The loss jumped from {middle:.3g} to {losses[-1]:.3g} at step {progress.curve[-1][0]}."
            yield Hint("warning", words, "--lr 1e-4")
    held_out = [one.loss for one in progress.evaluations]
    rising = len(held_out) > RISES and all(a < b for a, b in pairwise(held_out[-RISES - 1 :]))
    if rising and losses and losses[-1] < statistics.median(losses[: max(1, len(losses) // 2)]):
        yield Hint(
            "warning",
            "Training loss falls and held-out loss rises: the model learns the rows by heart. "
            "The best weights are kept.",
            "--epochs 8",
        )
    elif rising:
        words = f"Held-out loss rose {RISES} times in a row: a lower learning rate, more weight decay."
        yield Hint("warning", words, "--lr 1e-4 --weight-decay 0.02")
    share = 0.0 if not progress.steps else progress.step / progress.steps
    window = int(len(losses) * min(1.0, FLAT_SHARE / share)) if share else 0
    if window >= 10 and len(losses) >= 2 * window:
        recent, earlier = statistics.fmean(losses[-window:]), statistics.fmean(losses[-2 * window : -window])
        if earlier - recent < FLAT_GAIN * earlier and recent > 0.1:
            rate = progress.lr or 0.0
            words = (
                f"The loss has not moved for {FLAT_SHARE:.0%} of the steps, at a learning rate of {rate:.1g}."
            )
            yield Hint("info", words, "--lr 2e-4" if rate < SMALL_LR else "")


def _pace(progress: Progress, hours: float | None) -> Iterator[Hint]:
    if hours is None or progress.eta_s is None:
        return
    needed_h = (progress.trained_s + progress.eta_s) / 3600
    if needed_h > hours:
        words = f"At this pace it takes {needed_h:.2g} h of {hours:.2g} h: a smaller model or fewer epochs."
        yield Hint("warning", words, "--model qwen2.5-1.5b --epochs 1")


def _machine(progress: Progress) -> Iterator[Hint]:
    if progress.ended is not None:
        return
    gpu, memory = progress.gpu, progress.memory
    if gpu is not None and gpu < BUSY_GPU:
        words = f"The GPU is busy {gpu:.0%} of the time: a larger batch."
        yield Hint("info", words, "--batch-size 8")
    if memory is not None and memory > FULL_MEMORY:
        words = f"{memory:.0%} of the memory is taken: a smaller batch before it runs out."
        yield Hint("warning", words, "--batch-size 2 --grad-accum 8")
