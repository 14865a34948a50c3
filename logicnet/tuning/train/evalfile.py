"""What the control room asks of an evaluation, and what it is told: two JSON files.

Only the standard library is imported: both environments import this module.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from logicnet.tuning.train.jobfile import Task, write_json


@dataclass(frozen=True)
class EvaluationRequest:
    """Which weights to compare, and on which rows (`jobfile` gives their form) to measure their loss."""

    model: str  # folder of the submission: whole weights, or a LoRA adapter
    original: str  # folder of the model that it should be a fine-tune of; its tokenizer is used
    original_name: str  # on the hub, as adapters name their base
    rows: str  # file
    task: Task
    max_length: int = 2048  # tokens of a row
    batch: int = 8  # rows
    chat_template: str | None = None  # null: the tokenizer's own
    others: Mapping[str, str] = field(default_factory=dict)  # earlier submissions: name to folder
    device: str | None = None  # null: cuda where there is one, else cpu
    threads: int | None = None
    by_row: bool = False  # answer with the loss of each row, too
    adapter_base: str | None = None  # folder of the base that the submission names; null: not at hand

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises OSError, ValueError."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Compared:
    """How the weights of a submission differ from the original's.

    Cosines and distances are of whole tensors; a distance is |b - a| / |a|. An adapter is compared as if it
    were merged.
    """

    tensors: int  # of the original
    same: int  # equal to the original's in the submission's precision
    missing: tuple[str, ...]  # names that only the original has
    extra: tuple[str, ...]  # names that only the submission has
    other_shape: tuple[str, ...]  # but for rows added to embeddings
    rows_added: int  # to the embeddings
    other_config: tuple[str, ...]  # "num_attention_heads 9, not 3"
    other_tokenizer: tuple[str, ...]  # of "vocabulary", "chat template"
    embedding_cos: float
    attention_cos: float  # median
    linear_cos: float  # least
    linear_distance: float  # median of those that moved
    norms_cos: float  # least
    norms_distance: float  # median
    structure: float  # of what changed: its largest singular value, 1 for noise of the same size; median
    turned: int  # linear tensors with a cosine < 0.9
    permuted: int  # of these: whose rows have the norms of the original's rows, in any order
    non_finite: tuple[str, ...]  # names of tensors that hold NaN or infinity
    hash: str  # sha256 over the values, whatever files, precision and shards they are kept in
    adapter_base: str | None  # what an adapter names as its base; null: whole weights
    other_base: bool  # that base is at hand, and has other weights than the original
    base_unknown: bool = False  # it has another name than the original, and its weights are not at hand


@dataclass(frozen=True)
class Losses:
    """Of one model on all rows. `loss` is the sum of the tokens' losses / tokens, of completions only."""

    loss: float
    perplexity: float
    tokens: int
    rows: int
    dtype: str
    mean_of_batches: float  # what others report: it depends on the size of a batch
    by_row: tuple[tuple[float, int] | None, ...] = ()  # of each line: sum, tokens; null: dropped


@dataclass(frozen=True)
class Likeness:
    """How near the submission is to an earlier one."""

    name: str
    same: bool  # the same weights
    cos: float  # of what training changed: of (submission - original) and (other - original)
    structure: float  # of (submission - other), as in Compared: 1 for noise; 0: no difference


@dataclass(frozen=True)
class Evaluation:
    """The answer."""

    error: str | None = None  # why the submission cannot be loaded, one line; then the rest is null
    compared: Compared | None = None
    original: Losses | None = None
    model: Losses | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)  # rows, by reason
    others: tuple[Likeness, ...] = ()

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises OSError, ValueError."""
        found: dict[str, Any] = json.loads(path.read_text())
        for name in ("original", "model"):
            if found[name]:
                rows = (row and (float(row[0]), int(row[1])) for row in found[name].pop("by_row", ()))
                found[name] = Losses(**found[name], by_row=tuple(rows))
        if found["compared"]:
            facts: dict[str, Any] = found["compared"]
            lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
            found["compared"] = Compared(**facts | lists)
        return cls(**found | {"others": tuple(Likeness(**one) for one in found["others"])})
