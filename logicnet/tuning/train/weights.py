"""Weights of a folder, read tensor by tensor, a few rows at a time. Only safetensors: a pickle runs code.

`Weights` are a whole model's; `Adapted` are those of a base with a LoRA adapter, as if it were merged.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_AT_ONCE = 1 << 21
"""Numbers: 8 MiB in float32."""

_PREFIX = re.compile(r"^(model|transformer)\.")  # written or not, as a class or its body was saved
_NO_WEIGHTS = ("inv_freq", "masked_bias", "num_batches_tracked")  # buffers that older files hold
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
HEAD = "lm_head.weight"
_LORA = re.compile(r"^base_model\.model\.(.+)\.lora_(embedding_)?([AB])(\.weight)?$")
_WHOLE = re.compile(r"^base_model\.model\.(.+?)(\.modules_to_save)?\.(weight|bias)$")
_NAME = re.compile(r"\^?[\w.-]+")  # a module's, or the end of it
_PLAIN = {"use_dora": "DoRA", "lora_bias": "a bias", "trainable_token_indices": "single tokens"}


class NotLoadable(Exception):
    """A folder holds no weights that can be read. `str(error)` is one line."""


def name_of(tensor: str) -> str:
    return _PREFIX.sub("", tensor)


def config_of(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Raises NotLoadable."""
    try:
        found = json.loads((folder / name).read_text())
    except FileNotFoundError:
        raise NotLoadable(f"{folder} has no {name}; save with save_pretrained()") from None
    except (OSError, ValueError, RecursionError) as error:
        raise NotLoadable(f"{folder / name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise NotLoadable(f"{folder / name} is not a JSON object")
    return found


def files_of(folder: Path, stem: str) -> list[Path]:
    """The safetensors files of `stem` (model, adapter_model): one, or the shards that an index names."""
    whole, index = folder / f"{stem}.safetensors", folder / f"{stem}.safetensors.index.json"
    if whole.is_file():
        return [whole]
    if index.is_file():
        shards = config_of(folder, index.name).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(one, str) for one in shards.values()):
            raise NotLoadable(f"{index} has no weight_map")
        names = sorted(set(shards.values()))
        for name in names:
            if Path(name).name != name or not (folder / name).is_file():
                raise NotLoadable(f"{index} names {name}, which is not in the folder")
        return [folder / name for name in names]
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLES)
    only = f", only {', '.join(pickles[:3])}: pickles run code when loaded" if pickles else ""
    raise NotLoadable(f"{folder} has no {whole.name}{only}; save with save_pretrained(), which writes one")


class _Files:
    """Tensors of safetensors files by their names. A file is open only while it is read."""

    def __init__(self, paths: list[Path]) -> None:
        self.at: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for path in paths:
            try:
                with safe_open(path, "pt") as file:
                    for name in file.keys():  # noqa: SIM118 (no mapping)
                        self.at[name] = path
                        self.shapes[name] = tuple(file.get_slice(name).get_shape())
            except (SafetensorError, OSError) as error:
                raise NotLoadable(f"{path} is damaged: {error}") from error

    def read(self, name: str, rows: slice | None = None) -> torch.Tensor:
        with safe_open(self.at[name], "pt") as file:
            if rows is None or not self.shapes[name]:
                return file.get_tensor(name)
            return file.get_slice(name)[rows]


class Weights:
    """A whole model's. `shapes` maps each tensor's name to its shape."""

    def __init__(self, folder: Path) -> None:
        """Raises NotLoadable."""
        self.config = config_of(folder)
        self._files = _Files(files_of(folder, "model"))
        self._raw = {name_of(raw): raw for raw in self._files.shapes if not raw.endswith(_NO_WEIGHTS)}
        self.shapes = {name: self._files.shapes[raw] for name, raw in self._raw.items()}

    def share_head(self) -> None:
        """Give a tied head the name of the embedding's tensor: some models are saved with both."""
        name = next((name for name in self._raw if name.endswith(EMBEDDINGS)), None)
        if name is not None and self.config.get("tie_word_embeddings") and HEAD not in self._raw:
            self._raw[HEAD], self.shapes[HEAD] = self._raw[name], self.shapes[name]

    def rows(self, name: str, rows: slice) -> torch.Tensor:
        """Rows of a tensor in the precision that they are kept in; a scalar whole."""
        return self._files.read(self._raw[name], rows)


class Adapted:
    """A base with a LoRA adapter. `missing`, `other_shape`: base tensors that the adapter does not fit."""

    def __init__(self, base: Weights, folder: Path) -> None:
        """Raises NotLoadable, also for an adapter that is more than a LoRA."""
        adapter = config_of(folder, "adapter_config.json")
        beyond = [word for name, word in _PLAIN.items() if adapter.get(name)]
        if adapter.get("peft_type") != "LORA" or beyond:
            kind = " with ".join([str(adapter.get("peft_type")), *beyond])
            raise NotLoadable(f"{folder} is an adapter of kind {kind}, not a plain LoRA: merge it first")
        _refuse_expressions(adapter, folder / "adapter_config.json")
        self.named_base = str(adapter.get("base_model_name_or_path") or "")
        self.config, self._base, self._adapter = base.config, base, adapter
        self.shapes = dict(base.shapes)
        self._files = _Files(files_of(folder, "adapter_model"))
        self._pairs: dict[str, dict[str, str]] = {}
        self._modules: dict[str, str] = {}  # as PEFT names them
        self._whole: dict[str, str] = {}
        self._turned: set[str] = set()  # a base tensor is the product's transpose
        for raw in self._files.shapes:
            if found := _LORA.match(raw):
                name = name_of(found[1] + ".weight")
                self._pairs.setdefault(name, {})[found[3]] = raw
                self._modules[name] = found[1]
                if found[2] or adapter.get("fan_in_fan_out"):
                    self._turned.add(name)
            elif found := _WHOLE.match(raw):
                self._whole[name_of(f"{found[1]}.{found[3]}")] = raw
            else:
                raise NotLoadable(f"{folder} has a tensor {raw}, which is not a LoRA's: merge it first")
        if HEAD in self._pairs and HEAD not in base.shapes:  # the base's is its embedding
            base.share_head()
            self.shapes = dict(base.shapes)
        self.missing = tuple(sorted((self._pairs.keys() | self._whole.keys()) - base.shapes.keys()))
        self.other_shape = tuple(sorted(name for name in self._pairs if not self._fits(name)))
        for name in self.other_shape:
            del self._pairs[name]
        for name in self._whole.keys() & base.shapes.keys():
            self.shapes[name] = self._files.shapes[self._whole[name]]
        try:
            self._scales = {
                name: self._scale(name, self._files.shapes[pair["A"]][0])
                for name, pair in self._pairs.items()
            }
        except (TypeError, ValueError, AttributeError, ArithmeticError, re.error) as error:
            raise NotLoadable(
                f"{folder / 'adapter_config.json'} has no scale that is a number: {error}"
            ) from error

    def _fits(self, name: str) -> bool:
        pair = self._pairs[name]
        if pair.keys() != {"A", "B"}:
            return False
        a, b = (self._files.shapes[pair[letter]] for letter in "AB")
        if len(a) != 2 or len(b) != 2 or a[0] != b[1]:
            return False
        shape = (a[1], b[0]) if name in self._turned else (b[0], a[1])
        return self._base.shapes.get(name, shape) == shape

    def _scale(self, name: str, r: int) -> float:
        alpha = self._adapter.get("lora_alpha", 8)
        for pattern, other in (self._adapter.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", self._modules[name]):
                alpha = other
                break
        return float(alpha) / (math.sqrt(r) if self._adapter.get("use_rslora") else r)

    def rows(self, name: str, rows: slice) -> torch.Tensor:
        """In float32 where the adapter changes them."""
        if name in self._whole:
            return self._files.read(self._whole[name], rows)
        base = self._base.rows(name, rows)
        if name not in self._pairs:
            return base
        a, b = (self._files.read(self._pairs[name][letter]).float() for letter in "AB")
        moved = a[:, rows].T @ b.T if name in self._turned else b[rows] @ a
        return base.float() + self._scales[name] * moved


def slices(shape: tuple[int, ...]) -> Iterator[slice]:
    """Of the first dimension, each about 8 MiB in float32."""
    rows = shape[0] if shape else 1
    step = max(1, _AT_ONCE * rows // max(1, math.prod(shape)))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def modules_of(folder: Path) -> list[str]:
    """The modules that an adapter's tensors are for, as PEFT names them. Raises NotLoadable."""
    found = map(_LORA.match, _Files(files_of(folder, "adapter_model")).shapes)
    return sorted({one[1] for one in found if one})


def _refuse_expressions(adapter: dict[str, Any], file: Path) -> None:
    """Raise NotLoadable unless each is a plain name: others run as regular expressions, maybe for ever."""
    for field in ("alpha_pattern", "rank_pattern", "modules_to_save"):
        given = adapter.get(field) or ()
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, dict | list):
            names = [names] if names else []
        strange = next((one for one in names if not isinstance(one, str) or not _NAME.fullmatch(one)), None)
        if strange is not None:
            raise NotLoadable(
                f"{file}: {field} has {strange!r:.80}, which is no module's name: merge it first"
            )


def is_adapter(folder: Path) -> bool:
    """An `adapter_config.json` beside whole weights makes no adapter of them."""
    return (folder / "adapter_config.json").is_file() and not any(folder.glob("model*.safetensors*"))


def pair_of(original: Path, submission: Path) -> tuple[Weights, Weights | Adapted]:
    """Both with a head if one has one. Raises NotLoadable."""
    base = Weights(original)
    if is_adapter(submission):
        return base, Adapted(base, submission)
    whole = Weights(submission)
    if (HEAD in base.shapes) != (HEAD in whole.shapes):
        base.share_head()
        whole.share_head()
    return base, whole


def hash_of(weights: Weights | Adapted) -> str:
    """sha256 over the tensors' names, shapes and values in float32, without a head equal to the embedding.

    Files, their names, shards and the precision (where it keeps all values) make no difference.
    """
    found: dict[str, str] = {}
    for name, shape in weights.shapes.items():
        digest = hashlib.sha256(f"{shape}".encode())
        for rows in slices(shape):
            digest.update(weights.rows(name, rows).float().contiguous().numpy())
        found[name] = digest.hexdigest()
    embeddings = {digest for name, digest in found.items() if name.endswith(EMBEDDINGS)}
    if found.get(HEAD) in embeddings:
        del found[HEAD]
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()
