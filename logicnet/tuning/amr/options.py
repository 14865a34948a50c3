"""The flags of `train_mtup.py`, the same as `logicnet tune amr`: those of the MTUP training guide."""

import math
from glob import glob
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError
from logicnet.tuning.amr.grades import claims
from logicnet.tuning.amr.templates import DEFAULT
from logicnet.tuning.spec import MOST_HOURS

CORPUS = "data/train/*.txt"
"""Where the guide's own repository has its files."""

_OVERRIDES = {
    "epochs": "epochs",
    "batch_size": "batch",
    "grad_accum": "accumulate",
    "lr": "lr",
    "weight_decay": "weight_decay",
    "max_length": "max_length",
    "r": "r",
    "alpha": "alpha",
}


class AmrOptions(Flags):
    """Its `words` are settings."""

    words: tuple[str, ...] = ()
    use_case: Literal["quick_test", "fast_iteration", "full_training"] | None = Field(
        None, description="quick_test, fast_iteration or full_training: samples, epochs, batch."
    )
    show_sample: bool = Field(
        False, description="Print a prompt with its target, and answers while training."
    )
    model: str = Field(
        "qwen2.5-3b",
        description="qwen2.5-0.5b, -1.5b, -3b, -7b, another alias, a folder, or a name on the hub.",
    )
    template: Annotated[str, Flag(("--template", "--template-name"))] = Field(
        DEFAULT, description="v1_formal, v2_natural, v3_instructional, v4_compact or v5_cot."
    )
    train_files: Annotated[tuple[str, ...], Flag(("--train-files",))] = Field(
        (), description=f"Files of `#::snt` blocks, or patterns; repeatable; default: {CORPUS}."
    )
    skip_bad: bool = Field(False, description="Leave out sentences whose graph is malformed, and count them.")
    max_samples: int | None = Field(None, ge=2, description="The first so many sentences.")
    epochs: float | None = Field(None, gt=0, description="Passes over the sentences.")
    batch_size: int | None = Field(None, ge=1, description="Sentences at once.")
    grad_accum: int | None = Field(None, ge=1, description="Batches a step.")
    lr: float | None = Field(None, gt=0, description="Learning rate; the guide: never above 3e-4.")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay.")
    r: int | None = Field(None, ge=1, description="Rank of the LoRA.")
    alpha: int | None = Field(None, ge=1, description="Its scale, divided by the rank.")
    val_split: float = Field(0.1, gt=0, lt=0.5, description="Share of the sentences that is held out.")
    max_length: int | None = Field(None, ge=16, description="Tokens of a prompt and its answer.")
    log_steps: int | None = Field(None, ge=1, description="Understood; every step is logged.")
    save_steps: int | None = Field(None, ge=1, description="Steps between evaluations, each of which saves.")
    eval_steps: int | None = Field(None, ge=1, description="Steps between evaluations.")
    score_rows: int = Field(200, ge=1, description="Held-out sentences that are scored by SMATCH.")
    hours: float | None = Field(None, gt=0, le=MOST_HOURS, description="Time limit; default: none.")
    seed: int = Field(42, ge=0, description="Seed.")

    @property
    def hub_name(self) -> str:
        """An alias is resolved."""
        return claims().aliases.get(self.model.lower(), self.model)

    def files(self) -> list[Path]:
        """Empty if none is named and none lies where the guide has them. Raises SettingsError."""
        found: list[Path] = []
        for pattern in self.train_files:
            matched = sorted(glob(pattern))  # noqa: PTH207 (patterns may be absolute)
            if not matched:
                raise SettingsError(f"--train-files {pattern!r:.200}: no such file")
            found += map(Path, matched)
        return found or sorted(Path().glob(CORPUS))

    def overrides(self, sentences: int, rows_a_step: int, epochs: float) -> dict[str, Any]:
        """Numbers of the training; steps between evaluations become a number of evaluations."""
        given = {field: getattr(self, flag) for flag, field in _OVERRIDES.items()}
        found = {field: value for field, value in given.items() if value is not None}
        between = [one for one in (self.save_steps, self.eval_steps) if one is not None]
        if between:
            steps = math.ceil(sentences * (1 - self.val_split) / rows_a_step) * epochs
            found["evaluations"] = min(1000, max(1, round(steps / min(between))))
        return found | ({"sample": True} if self.show_sample else {})
