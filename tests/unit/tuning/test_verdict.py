"""Verdicts by what SmolLM2-135M-Instruct and its variants measured, whole; tests/tuning has them anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logicnet.tuning.train.evalfile import Compared, Evaluation, Likeness, Losses
from logicnet.tuning.verdict import Thresholds, duplicates, verdict

BASE_LOSS = 0.944293
LORA = Compared(
    tensors=272,
    same=62,
    missing=(),
    extra=(),
    other_shape=(),
    rows_added=0,
    other_config=(),
    other_tokenizer=(),
    embedding_cos=1.0,
    attention_cos=0.999996,
    linear_cos=0.999947,
    linear_distance=0.00276766,
    norms_cos=1.0,
    norms_distance=0.0,
    structure=7.75,
    turned=0,
    permuted=0,
    non_finite=(),
    hash="e6fb43",
    adapter_base=None,
    other_base=False,
)


def losses(loss: float) -> Losses:
    return Losses(loss=loss, perplexity=2.0, tokens=240, rows=16, dtype="float32", mean_of_batches=loss)


def found(loss: float, others: tuple[Likeness, ...] = (), **facts: Any) -> Evaluation:
    return Evaluation(
        compared=replace(LORA, **facts), original=losses(BASE_LOSS), model=losses(loss), others=others
    )


SAME = {"same": 272, "attention_cos": 1.0, "linear_cos": 1.0, "linear_distance": 0.0, "structure": 0.0}
PERMUTED = SAME | {"same": 182, "linear_cos": -0.0015, "linear_distance": 1.41, "structure": 1.0}
ELSEWHERE = {"adapter_base": "other/name", "base_unknown": True}
MEASURED = [
    (0.266441, {}, "finetune"),  # LoRA, merged
    (0.818354, {"same": 30, "linear_distance": 0.000154, "structure": 2.77}, "finetune"),  # all, bfloat16
    (0.293921, {"same": 0, "linear_distance": 0.000488, "structure": 3.84}, "finetune"),  # all, float32
    (0.266441, {"rows_added": 1}, "finetune"),
    (BASE_LOSS, SAME, "identical"),
    (BASE_LOSS, SAME | {"adapter_base": "original/name"}, "identical"),  # B is zero
    (BASE_LOSS, SAME | {"rows_added": 1}, "identical"),
    (0.944709, {"same": 22, "linear_distance": 0.00084, "structure": 0.957}, "noise"),
    (1.22664, {"same": 0, "linear_cos": 0.995, "linear_distance": 0.1, "structure": 0.932}, "noise"),
    (0.934289, {"same": 1, "linear_cos": 0.9998, "structure": 0.935}, "noise"),  # the loss fell by luck
    (11.4586, {"same": 0, "embedding_cos": 0.0, "attention_cos": 0.0, "linear_cos": -0.007}, "unrelated"),
    (11.4, {"attention_cos": -0.002, "linear_cos": -0.002}, "unrelated"),  # layers shifted
    (0.2, {"other_base": True, "adapter_base": "other/name"}, "unrelated"),
    (0.2, ELSEWHERE, "finetune"),
    (BASE_LOSS * 0.983, ELSEWHERE, "unrelated"),  # the most that an adapter of another base did
    (BASE_LOSS * 1.2, ELSEWHERE, "unrelated"),
    (BASE_LOSS * 1.2, {"adapter_base": "original/name"}, "finetune"),  # trained on other text
    (BASE_LOSS, PERMUTED | {"turned": 90, "permuted": 90}, "disguised"),
    (BASE_LOSS + 1e-6, {"same": 212, "linear_distance": 0.5, "structure": 1.9}, "disguised"),  # rescaled
    (BASE_LOSS + 1e-6, PERMUTED | {"turned": 90}, "disguised"),  # turned and permuted: only the loss says it
    (0.2, {"missing": ("a.weight",)}, "other_architecture"),
    (0.2, {"extra": ("a.weight",)}, "other_architecture"),
    (0.2, {"other_shape": ("a.weight",)}, "other_architecture"),
    (0.2, {"other_config": ("hidden_act relu, not silu",)}, "other_architecture"),
    (0.2, {"non_finite": ("a.weight",)}, "not_loadable"),
]


@pytest.mark.parametrize(("loss", "facts", "word"), MEASURED)
def test_verdicts_of_what_was_measured(loss: float, facts: dict[str, Any], word: str) -> None:
    said = verdict(found(loss, **facts))
    assert (said.word, said.is_finetune) == (word, word == "finetune"), said.reason


def test_a_submission_that_cannot_be_loaded_says_why() -> None:
    said = verdict(Evaluation(error="m has no model.safetensors"))
    assert (said.word, said.reason) == ("not_loadable", "m has no model.safetensors")


def test_shapes_go_before_weights_and_weights_before_losses() -> None:
    assert verdict(found(0.2, missing=("a",), embedding_cos=0.0)).word == "other_architecture"
    assert verdict(found(0.2, **SAME, embedding_cos=0.0)).word == "identical"
    assert verdict(found(1.3, embedding_cos=0.0, structure=0.9)).word == "unrelated"


def test_another_tokenizer_is_a_warning() -> None:
    said = verdict(found(0.2, other_tokenizer=("chat template",)))
    assert said.is_finetune
    assert said.warnings == ("the chat template is not the original's",)


def test_a_threshold_is_a_setting() -> None:
    noise = found(0.9, structure=0.95)
    assert verdict(noise).word == "noise"
    assert verdict(noise, Thresholds(gain=0.01)).word == "finetune"


@pytest.mark.parametrize(
    ("same", "cos", "structure", "copy"),
    [
        (True, 1.0, 0.0, True),
        (False, 0.992, 0.998, True),  # a little noise
        (False, 0.45, 0.95, True),  # noise twice as large as what training changed
        (False, 0.97, 4.0, True),
        (False, 0.057, 7.6, False),  # another seed
        (False, 0.6, 3.0, False),  # another training on the same rows
        (False, 0.0, 0.95, False),  # noise, but of the original
    ],
)
def test_copies_of_another_submission(same: bool, cos: float, structure: float, copy: bool) -> None:
    other = Likeness("earlier", same, cos, structure)
    assert duplicates(found(0.2, (other,))) == ((other,) if copy else ())


def test_the_nearest_copy_comes_first() -> None:
    near, same = Likeness("near", False, 0.99, 0.9), Likeness("same", True, 1.0, 0.0)
    assert duplicates(found(0.2, (near, same))) == (same, near)


def test_an_evaluation_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = found(0.2, (Likeness("earlier", False, 0.5, 3.0),), other_tokenizer=("vocabulary",))
    written.write(tmp_path / "answer.json")
    assert Evaluation.read(tmp_path / "answer.json") == written
