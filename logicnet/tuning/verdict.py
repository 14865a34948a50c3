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

    related_cos: float = 0.9  # embedding, attention; trained: above 0.9999, other weights: below 0.001
    far_cos: float = 0.5  # of one linear tensor; trained: above 0.9999, permuted: -0.002
    far_distance: float = 0.3  # trained: below 0.003, rescaled by two: 0.5 to 1
    same_loss: float = 1e-4  # relative; permuted, rescaled: below 1e-6, noise of 0.001 of the spread: 4e-4
    structure: float = 1.5  # trained: 2.8 (full, bfloat16) to 7.8 (LoRA), noise of any size: 0.93 to 0.96
    gain: float = 0.05  # relative; trained: 0.13 to 0.72, noise by luck: 0.01, adapters of other bases: 0.017
    duplicate_cos: float = (
        0.95  # of two trainings: below 0.14; a copy and noise of 0.0005 of the spread: 0.99
    )
    related_change_cos: float = 0.2  # and the rest is noise: a copy and noise 0.998, two trainings 7.6


@dataclass(frozen=True)
class WeightsVerdict:
    """`reason` and `warnings` are lines."""

    word: VerdictWord
    reason: str
    warnings: tuple[str, ...] = ()

    @property
    def is_finetune(self) -> bool:
        return self.word == "finetune"


DEFAULT = Thresholds()


def verdict(found: Evaluation, limits: Thresholds = DEFAULT) -> WeightsVerdict:
    """The first word that holds, in the order of `VerdictWord`."""
    compared = found.compared
    if compared is None:
        return WeightsVerdict("not_loadable", found.error or "the submission was not compared")
    word, reason = _of_weights(compared, limits) or _of_losses(found, compared, limits)
    warnings = [f"the {part} is not the original's" for part in compared.other_tokenizer]
    if compared.base_unknown:
        warnings.append(
            f"the adapter names {_shown(compared)} as its base, whose weights are not here to be compared"
        )
    return WeightsVerdict(word, reason, tuple(warnings))


def duplicates(found: Evaluation, limits: Thresholds = DEFAULT) -> tuple[Likeness, ...]:
    """The earlier submissions that this one copies, the nearest first: noise added to them hides nothing."""

    def copies(one: Likeness) -> bool:
        noise = one.cos >= limits.related_change_cos and one.structure < limits.structure
        return one.same or noise or one.cos >= limits.duplicate_cos

    near = filter(copies, found.others)
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
        return "unrelated", f"the adapter names {_shown(compared)}, whose weights are not the original's"
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
    gained = after <= before * (1 - limits.gain)
    if compared.structure < limits.structure and not gained:
        return "noise", f"what changed has no structure, and the loss did not fall ({losses})"
    if compared.base_unknown and not gained:
        return "unrelated", (
            f"the adapter names {_shown(compared)}, and the loss did not fall by {limits.gain:.0%} "
            f"({losses}): after `hf download {_shown(compared)}` its weights are compared"
        )
    return "finetune", losses


def _shown(compared: Compared) -> str:
    return " ".join(f"{compared.adapter_base:.200}".split())


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
