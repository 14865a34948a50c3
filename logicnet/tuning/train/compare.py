"""The facts by which a fine-tune is told from a copy, noise or another model, from streamed weights.

In memory at any time: a few rows of one tensor of each model.
"""

import json
import math
import os
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from logicnet.tuning.train.evalfile import Compared, Likeness
from logicnet.tuning.train.weights import (
    EMBEDDINGS,
    HEAD,
    Adapted,
    NotLoadable,
    Weights,
    hash_of,
    pair_of,
    slices,
)

_TURNED = 0.9
"""Of linear tensors with a cosine below, the rows' norms are compared, too."""

_SAME_NORMS = 1e-3
"""Relative; sums of permuted numbers in float32 differ by less."""

_SAMPLED = 16  # tensors
_POWERS = 6  # iterations

_CONFIG = ("model_type", "num_attention_heads", "num_key_value_heads", "hidden_act")
"""What shapes do not say. Lengths, rope and dropout may change while a model is trained."""

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")

_LEAST_BYTES = 2
"""Of a number: a quantised one is another, though it stands for the same weight."""

_Any = Weights | Adapted


@dataclass(frozen=True)
class _Moved:
    """How one tensor differs."""

    name: str
    kind: str  # embedding, attention, linear, norm
    same: bool
    finite: bool
    cos: float
    distance: float
    permuted: bool


def compare(
    original: Path, submission: Path, original_name: str, adapter_base: Path | None = None
) -> Compared:
    """`adapter_base`: the folder of the base that an adapter names, where it is at hand.

    `original_name`: of the original, as an adapter may name it. Raises NotLoadable.
    """
    base, tuned = pair_of(original, submission)
    named = tuned.named_base if isinstance(tuned, Adapted) else None
    made_for = None
    if named is not None and adapter_base is not None:
        made_for = adapter_base.resolve() == original.resolve() or _same_layers(base, adapter_base)
    common = [name for name in base.shapes if name in tuned.shapes]
    fitting = [name for name in common if _fits(name, base, tuned)]
    extra = tuned.shapes.keys() - base.shapes.keys()
    other_shape = set(common) - set(fitting)
    if isinstance(tuned, Adapted):
        extra |= set(tuned.missing)
        other_shape |= set(tuned.other_shape)
        fitting = [name for name in fitting if name not in other_shape]
    all_moved = [_moved(name, base, tuned) for name in fitting]
    of_kind = {kind: [one for one in all_moved if one.kind == kind] for kind in _KINDS}
    linear = of_kind["linear"] + of_kind["attention"]
    return Compared(
        tensors=len(base.shapes),
        same=sum(one.same for one in all_moved),
        missing=tuple(sorted(base.shapes.keys() - tuned.shapes.keys())),
        extra=tuple(sorted(extra)),
        other_shape=tuple(sorted(other_shape)),
        rows_added=max(
            (tuned.shapes[name][0] - base.shapes[name][0] for name in fitting if base.shapes[name]), default=0
        ),
        other_config=tuple(
            f"{name} {tuned.config.get(name)}, not {base.config.get(name)}"
            for name in _CONFIG
            if tuned.config.get(name) != base.config.get(name)
        ),
        other_tokenizer=_other_tokenizer(original, submission),
        embedding_cos=min((one.cos for one in of_kind["embedding"]), default=1.0),
        attention_cos=_median((one.cos for one in of_kind["attention"]), 1.0),
        linear_cos=min((one.cos for one in linear), default=1.0),
        linear_distance=_median((one.distance for one in linear if not one.same), 0.0),
        norms_cos=min((one.cos for one in of_kind["norm"]), default=1.0),
        norms_distance=_median((one.distance for one in of_kind["norm"]), 0.0),
        structure=_structure(base, tuned, [one.name for one in linear if not one.same]),
        turned=sum(one.cos < _TURNED for one in linear),
        permuted=sum(one.permuted for one in linear),
        non_finite=tuple(one.name for one in all_moved if not one.finite),
        hash=hash_of(tuned),
        adapter_base=named,
        other_base=made_for is False,
        base_unknown=named is not None and made_for is None and _names_another(named, original_name),
    )


def likeness(
    original: Path, submission: Path, digest: str, others: Mapping[str, str]
) -> tuple[Likeness, ...]:
    """To each of the earlier submissions (name to folder) that can be read and is made of the original.

    `digest`: the submission's `Compared.hash`.
    """
    found = []
    for name, folder in others.items():
        try:
            _, other = pair_of(original, Path(folder))
        except NotLoadable:
            continue
        base, tuned = pair_of(original, submission)
        same = hash_of(other) == digest
        names = [
            n for n in base.shapes if all(n in one.shapes and _fits(n, base, one) for one in (tuned, other))
        ]
        linear = [n for n in names if _kind(n, base.shapes[n]) in ("attention", "linear")]
        cos = 1.0 if same else _change_cos(base, tuned, other, names)
        found.append(Likeness(name, same, cos, 0.0 if same else _structure(tuned, other, linear)))
    return tuple(found)


def _change_cos(base: _Any, one: _Any, other: _Any, names: list[str]) -> float:
    """Cosine of (one - base) and (other - base); 0 if either did not change."""
    both = ours = theirs = 0.0
    for name in names:
        for rows in slices(base.shapes[name]):
            a, b, c = (weights.rows(name, rows) for weights in (base, one, other))
            coarser = max(b.dtype, c.dtype, key=_coarseness)
            b, c = (_difference(a, tuned.to(coarser)) for tuned in (b, c))
            both, ours, theirs = both + _dot(b, c), ours + _dot(b, b), theirs + _dot(c, c)
    return both / math.sqrt(ours * theirs) if ours > 0 and theirs > 0 else 0.0


def _moved(name: str, base: _Any, tuned: _Any) -> _Moved:
    shape = base.shapes[name]
    kind = _kind(name, shape)
    same = True
    aa = bb = ab = dd = 0.0
    norms: list[list[torch.Tensor]] = [[], []]
    for rows in slices(shape):
        a, b = base.rows(name, rows), tuned.rows(name, rows)
        change = _difference(a, b)
        same = same and not bool(change.any())
        a, b = a.float(), b.float()
        aa, bb, ab, dd = aa + _dot(a, a), bb + _dot(b, b), ab + _dot(a, b), dd + _dot(change, change)
        if kind in ("attention", "linear"):
            norms[0].append(a.flatten(1).norm(dim=1))
            norms[1].append(b.flatten(1).norm(dim=1))
    if not math.isfinite(bb):
        return _Moved(name, kind, False, False, 0.0, 0.0, False)
    cos = ab / math.sqrt(aa * bb) if aa > 0 and bb > 0 else float(aa == bb)
    permuted = False
    if norms[0] and cos < _TURNED:
        ours, theirs = (torch.cat(found).sort().values for found in norms)
        permuted = bool(torch.allclose(ours, theirs, rtol=_SAME_NORMS, atol=0.0))
    distance = math.sqrt(dd / aa) if aa > 0 else float(dd > 0)
    return _Moved(name, kind, same, True, cos, distance, permuted)


_KINDS = ("embedding", "attention", "linear", "norm")


def _kind(name: str, shape: tuple[int, ...]) -> str:
    if name.endswith(EMBEDDINGS) or name == HEAD:
        return "embedding"
    if len(shape) < 2:
        return "norm"
    return "attention" if "attn" in name or "attention" in name else "linear"


def _fits(name: str, base: _Any, tuned: _Any) -> bool:
    """The same shape, or an embedding with rows added."""
    ours, theirs = base.shapes[name], tuned.shapes[name]
    added = _kind(name, ours) == "embedding" and len(ours) == len(theirs) == 2 and theirs[0] > ours[0]
    return ours == theirs or (added and ours[1] == theirs[1])


def _difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """b - a; what only rounding to the precision of `b` changed is 0."""
    return b.float() - a.to(b.dtype).float()


def _both(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """b - a, both in the precision of the coarser."""
    coarser = max(a.dtype, b.dtype, key=_coarseness)
    return b.to(coarser).float() - a.to(coarser).float()


def _coarseness(dtype: torch.dtype) -> float:
    return float(torch.finfo(dtype).eps) if dtype.is_floating_point else 0.0


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum(dtype=torch.float64).item())


def _median(found: Iterable[float], otherwise: float) -> float:
    return statistics.median(list(found) or [otherwise])


def _structure(one: _Any, other: _Any, names: list[str]) -> float:
    """Of the difference of two tensors: its largest singular value / that of noise as large; a median.

    About 1 for numbers drawn one by one, whatever their size. Training gives more, as the gradients of all
    tokens point in few directions. 0 without a difference.
    """
    found = []
    for name in names[:: max(1, len(names) // _SAMPLED)]:
        shape = one.shapes[name]
        vector = torch.randn(math.prod(shape[1:]), generator=torch.Generator().manual_seed(0))
        largest = size = 0.0
        for _ in range(_POWERS):
            product = torch.zeros_like(vector)
            size = 0.0
            for rows in slices(shape):
                difference = _both(one.rows(name, rows), other.rows(name, rows)).flatten(1)
                product += difference.T @ (difference @ vector)
                size += _dot(difference, difference)
            length = product.norm().item()
            if length == 0:
                break
            largest = math.sqrt(length / vector.norm().item())
            vector = product / length
        noise = math.sqrt(size / math.prod(shape)) * (math.sqrt(shape[0]) + math.sqrt(len(vector)))
        if noise > 0:
            found.append(largest / noise)
    return _median(found, 0.0)


def _same_layers(base: Weights, folder: Path) -> bool | None:
    """Whether a folder's weights are the base's in the coarser precision; None if that cannot be told.

    It cannot of what is quantised. Embeddings are left out: rows of unused tokens are often mended or added.
    """
    try:
        named = Weights(folder)
    except NotLoadable:
        return None
    names = [name for name, shape in base.shapes.items() if _kind(name, shape) != "embedding"]
    if any(named.shapes.get(name) != base.shapes[name] for name in names):
        return None
    for name in names:
        for rows in slices(base.shapes[name]):
            a, b = base.rows(name, rows), named.rows(name, rows)
            if not all(one.is_floating_point() and one.element_size() >= _LEAST_BYTES for one in (a, b)):
                return None
            if _both(a, b).any():
                return False
    return True


def _names_another(named: str, original_name: str) -> bool:
    """Whether an adapter's base has the hub's name of another model. A path says nothing of weights."""
    names = (os.path.normpath(one).lower() for one in (named, original_name))
    return _HUB_NAME.fullmatch(named) is not None and len({*names}) > 1


def _other_tokenizer(original: Path, submission: Path) -> tuple[str, ...]:
    """What differs; a submission without a tokenizer is asked with the original's."""
    ours, theirs = _tokenizer(original), _tokenizer(submission)
    return tuple(word for word in ours if theirs[word] is not None and theirs[word] != ours[word])


def _tokenizer(folder: Path) -> dict[str, Any]:
    """Its parts; null where the folder has none that can be read."""

    def read(name: str, *keys: str) -> Any:
        try:
            found = json.loads((folder / name).read_text())
            for key in keys:
                found = found[key]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return found

    try:
        template = (folder / "chat_template.jinja").read_text()
    except (OSError, ValueError):
        template = read("tokenizer_config.json", "chat_template")
    return {"vocabulary": read("tokenizer.json", "model", "vocab"), "chat template": template}
