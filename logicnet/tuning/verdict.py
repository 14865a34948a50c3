"""Whether a submission is a fine-tune of the original, by what its weights and losses say, not by names."""

from dataclasses import dataclass
from typing import Literal

from logicnet.tuning.train.evalfile import Compared, Evaluation, Likeness

VerdictWord = Literal[
    "not_loadable", "other_architecture", "identical", "unrelated", "disguised", "noise", "finetune"
]


@dataclass(frozen=True)
class Thresholds:
    """Beside each: what SmolLM2-135M-Instruct and its variants measured (tests/harness/finetunes.py)."""

    related_cos: float = 0.9
    far_cos: float = 0.5
    far_distance: float = 0.3
    same_loss: float = 1e-4
    even: float = 0.05
    gain: float = 1e-3
    duplicate_cos: float = 0.95


@dataclass(frozen=True)
class Verdict:
    """`reason` and `warnings` are lines."""

    word: VerdictWord
    reason: str
    warnings: tuple[str, ...] = ()

    @property
    def is_finetune(self) -> bool:
        return self.word == "finetune"


DEFAULT = Thresholds()


def verdict(found: Evaluation, limits: Thresholds = DEFAULT) -> Verdict:
    """The first word that holds, in the order of `VerdictWord`."""
    compared = found.compared
    if compared is None:
        return Verdict("not_loadable", found.error or "the submission was not compared")
    word, reason = _of_weights(compared, limits) or _of_losses(found, compared, limits)
    return Verdict(
        word, reason, tuple(f"another {part} than the original's" for part in compared.other_tokenizer)
    )


def duplicates(found: Evaluation, limits: Thresholds = DEFAULT) -> tuple[Likeness, ...]:
    """The earlier submissions that this one copies, the nearest first."""
    near = (one for one in found.others if one.same or one.cos >= limits.duplicate_cos)
    return tuple(sorted(near, key=lambda one: (one.same, one.cos), reverse=True))


def _of_weights(compared: Compared, limits: Thresholds) -> tuple[VerdictWord, str] | None:
    differing: tuple[tuple[VerdictWord, str, tuple[str, ...]], ...] = (
        ("not_loadable", "NaN or infinite numbers in", compared.non_finite),
        ("other_architecture", "tensors are missing:", compared.missing),
        ("other_architecture", "the original has no tensor", compared.extra),
        ("other_architecture", "tensors have another shape:", compared.other_shape),
        ("other_architecture", "config.json differs:", compared.other_config),
    )
    for word, words, names in differing:
        if names:
            return word, f"{words} {_some(names)}"
    if compared.same == compared.tensors:
        added = f" but for {compared.rows_added} rows added to the embedding" if compared.rows_added else ""
        return "identical", f"all {compared.tensors} tensors equal the original's{added}"
    if compared.other_base:
        return "unrelated", f"the adapter was made for {compared.adapter_base}"
    for where, cos in (("the embedding", compared.embedding_cos), ("attention", compared.attention_cos)):
        if cos < limits.related_cos:
            return "unrelated", f"{where} has a cosine of {cos:.3f} with the original's"
    if compared.linear_cos < limits.far_cos and compared.permuted == compared.turned > 0:
        return "disguised", f"{compared.permuted} tensors hold the original's rows in another order"
    return None


def _of_losses(found: Evaluation, compared: Compared, limits: Thresholds) -> tuple[VerdictWord, str]:
    """A disguise computes what the original computes; noise teaches nothing."""
    assert found.original is not None and found.model is not None  # losses are there if shapes fit
    before, after = found.original.loss, found.model.loss
    losses = f"loss {before:.4f} -> {after:.4f}"
    if abs(after - before) <= limits.same_loss * before:
        if compared.linear_distance >= limits.far_distance or compared.linear_cos < limits.far_cos:
            return "disguised", f"the weights moved far, the loss did not change ({losses})"
        return "noise", f"the weights moved without effect ({losses})"
    if compared.unevenness <= limits.even and after > before * (1 - limits.gain):
        return "noise", f"all tensors moved by the same share, the loss did not fall ({losses})"
    return "finetune", losses


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
