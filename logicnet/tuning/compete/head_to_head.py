"""Models on the same samples: losses by the trainer's evaluation, compared by the competition's rule.

Each model is asked with its own tokenizer and chat template, as the competition's validators do.
"""

import hashlib
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from logicnet.errors import TuningError
from logicnet.tuning.compete.competitions import Competition, MatchResult
from logicnet.tuning.train.evalfile import EvaluationRequest, Losses
from logicnet.tuning.train.jobfile import Task
from logicnet.tuning.workshop import Workshop

SAMPLES = 96
"""That are compared. Source: finetuning-subnet."""

LOSS = "loss"  # the one environment of these competitions


@dataclass(frozen=True)
class Samples:
    """Rows that no compared model was trained on; answers are kept in `folder`."""

    rows: Path
    task: Task
    folder: Path
    max_length: int  # tokens of a row
    device: str | None = None

    @classmethod
    def of(
        cls, held_out: Path, task: Task, folder: Path, *, max_length: int, device: str | None = None
    ) -> "Samples":
        """The first SAMPLES rows of a file that a training held out. Raises TuningError."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = folder / "samples.jsonl"
        try:
            with held_out.open() as file:
                rows.write_text("".join(itertools.islice(file, SAMPLES)))
        except OSError as error:
            raise TuningError(f"{held_out} cannot be read: {error.strerror or error}") from None
        return cls(rows, task, folder, max_length, device)

    def losses(self, shop: Workshop, model: Path) -> Losses:
        """Of a model's folder, with that of each row. Blocks. Raises TuningError: it cannot be loaded."""
        return self.both(shop, model, model)[0]  # compared with itself: any architecture will do

    def both(self, shop: Workshop, model: Path, tuned: Path) -> tuple[Losses, Losses]:
        """Of a model, and of one that was tuned from it. Blocks. Raises TuningError."""
        name = hashlib.sha256(f"{model} {tuned}".encode()).hexdigest()[:16]
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = folder / "rows.jsonl"
        shutil.copyfile(self.rows, rows)
        found = shop.measure(
            EvaluationRequest(
                model=str(tuned),
                original=str(model),
                original_name=str(model),
                rows=str(rows),
                task=self.task,
                max_length=self.max_length,
                device=self.device,
                by_row=True,
            ),
            folder,
        )
        if found.original is None or found.model is None:
            raise TuningError(
                f"the model {tuned} cannot be measured: {found.error or 'it has no finite loss'}"
            )
        return found.original, found.model


def compared(competition: Competition, champion: Losses, challenger: Losses) -> MatchResult:
    """The newer `challenger` against `champion`, by the loss of each sample that both could read.

    Raises TuningError if they share no such sample.
    """
    old, new = _by_sample(champion), _by_sample(challenger)
    both = old.keys() & new.keys()
    return competition.compare(
        {LOSS: {one: old[one] for one in both}}, {LOSS: {one: new[one] for one in both}}
    )


def against(competition: Competition, rival: Callable[[], Losses], ours: Losses, name: str) -> list[str]:
    """What is said of `ours` against a rival's model; a broken one is said, and no reason to stop."""
    try:
        return said(compared(competition, rival(), ours), name)
    except TuningError as error:
        return [f"not compared with {name}: {error}"]


def _by_sample(losses: Losses) -> dict[str, float]:
    return {str(line): row[0] / row[1] for line, row in enumerate(losses.by_row) if row is not None}


def said(result: MatchResult, name: str) -> list[str]:
    """For people: losses, win rate, the rule's verdict and whether chance explains it."""
    lines = []
    for one in result.environments:
        found = one.difference
        lines += [
            f"average loss on {found.count} samples: {one.challenger:.4f} ({name}: {one.champion:.4f})",
            f"difference: {found.in_words(4, '95 % interval ')}",
            f"win rate: {one.win_rate:.1%}",
        ]
    lines.append(f"against {name} it {'wins' if result.won else 'does not win'}: {result.why}")
    return lines
