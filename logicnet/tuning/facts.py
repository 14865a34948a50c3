"""What is known of a model before it is trained: its configuration and size, without loading it."""

import json
import math
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logicnet.errors import TuningError
from logicnet.tuning.families import family_of
from logicnet.tuning.folders import here

CONFIGS = ("config.json", "model_index.json")  # of a language model, and of a pipeline of diffusers
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_ASK_S = 10.0  # for the hub's answer, while a caller waits
_MOST_HEADER_BYTES = 100_000_000  # as the format's own readers
_MOST_CONFIG_BYTES = 10_000_000
_MOST_SMALL_BYTES = 100_000_000  # an index of the largest models has some 20 MB

IMAGE_PARAMETERS = {"sd": 1.07e9, "sdxl": 3.5e9, "flux": 16.9e9}
"""Of the whole pipelines; their repositories keep each part in several precisions."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`parameters` of all parts; `fetch_bytes` are not on this machine yet; `config` as published."""

    name: str
    parameters: float
    config: Mapping[str, Any]
    fetch_bytes: int = 0
    gated: bool = False
    shape: Mapping[str, int] = field(default_factory=dict)  # hidden, layers, intermediate, vocab

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any], parameters: float, **more: Any) -> "ModelFacts":
        inner = config.get("text_config")
        text = {**config, **inner} if isinstance(inner, dict) else config
        words = {
            "hidden": "hidden_size",
            "layers": "num_hidden_layers",
            "intermediate": "intermediate_size",
            "vocab": "vocab_size",
        }
        found = {ours: text.get(theirs) for ours, theirs in words.items()}
        shape = {ours: value for ours, value in found.items() if isinstance(value, int) and 0 < value < 2**31}
        return cls(name, parameters, config, shape=shape, **more)


def facts_of(name: str, token: str | None = None, *, revision: str | None = None) -> ModelFacts:
    """Facts of a folder, or of MAKER/MODEL on the hub (HF_ENDPOINT and HF_HUB_OFFLINE are respected).

    With `revision` it is a commit of the hub, and never a folder.

    A model of which only pickles exist is refused: to load a pickle is to run its author's code.
    Raises TuningError.
    """
    folder = here(name) if revision is None else None
    if revision is None and folder is None and name.startswith(("/", "./", "../", "~")):
        raise TuningError(f"the model {name} does not exist: correct the path")
    if folder is not None and not folder.is_dir():
        raise TuningError(f"the model {name} is a file: name its folder")
    return (
        _of_folder(folder, name) if folder is not None and folder.is_dir() else _of_hub(name, token, revision)
    )


def _of_folder(folder: Path, name: str) -> ModelFacts:
    config = next((folder / one for one in CONFIGS if (folder / one).is_file()), None)
    if config is None:
        raise TuningError(f"the folder {folder} has none of {', '.join(CONFIGS)}: it is no model")
    inside = [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
    files = _weights(name, inside, pipeline=config.name == CONFIGS[1])
    tensors: dict[tuple[str, str], int] = {}
    for one in files:
        for tensor, shape in _header(folder / one).items():
            tensors[one.rpartition("/")[0], tensor] = math.prod(shape)
    return ModelFacts.of(name, _config(config), sum(tensors.values()))


def _refuse_large(name: str, sizes: Mapping[str, int]) -> None:
    """Raises TuningError if a file that should be small is large, because it would be fetched whole."""
    for file in (*CONFIGS, "model.safetensors.index.json"):
        if sizes.get(file, 0) > _MOST_SMALL_BYTES:
            raise TuningError(f"the model {name} has a {file} of {sizes[file]:,} bytes: take another model")


def _weights(name: str, files: Iterable[str], *, pipeline: bool) -> list[str]:
    """The safetensors files that would be loaded. Raises TuningError if there are none."""
    there = [one for one in files if not one.rpartition("/")[2].startswith(("adapter_", "optimizer."))]
    found = [one for one in there if one.endswith(".safetensors") and ("/" in one) == pipeline]
    if found:
        whole = [
            one for one in found if not one.rpartition("/")[2].startswith("consolidated")
        ]  # stored twice
        return [one for one in whole or found if ".fp16." not in one] or found
    pickles = sorted(one for one in there if one.endswith(PICKLES))
    if pickles:
        raise TuningError(
            f"the model {name} holds only pickles ({', '.join(pickles[:3])}), which run code when they are "
            "loaded: convert it to safetensors, or take another model"
        )
    raise TuningError(f"the model {name} holds no safetensors file: take another model")


def _header(file: Path) -> dict[str, list[int]]:
    """Shapes by name, of a safetensors file. Raises TuningError for any other file."""
    try:
        with file.open("rb") as raw:
            (size,) = struct.unpack("<Q", raw.read(8))
            if size > _MOST_HEADER_BYTES:
                raise ValueError("its header is too long")
            found = json.loads(raw.read(size))
        return {
            name: [int(one) for one in value["shape"]]
            for name, value in found.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TuningError(f"{file} is no safetensors file ({error}): download it again") from None


def _config(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as raw:
            found = json.loads(raw.read(_MOST_CONFIG_BYTES))
    except OSError as error:
        raise TuningError(f"cannot read {file}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise TuningError(f"{file} is not JSON: download it again") from None
    if not isinstance(found, dict):
        raise TuningError(f"{file} holds no object: it is no model's configuration")
    return found


def _of_hub(name: str, token: str | None, revision: str | None) -> ModelFacts:
    # huggingface_hub takes half a second to import
    from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache  # noqa: PLC0415
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError  # noqa: PLC0415
    from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

    from logicnet._util.hub import why_not_given  # noqa: PLC0415

    disable_progress_bars()
    hub = HfApi(token=token)
    wanted = CONFIGS[0]
    try:
        info = hub.model_info(name, revision=revision, files_metadata=True, timeout=_ASK_S)
        sizes = {one.rfilename: one.size or 0 for one in info.siblings or ()}
        wanted = next((one for one in CONFIGS if one in sizes), wanted)
        files = _weights(name, sizes, pipeline=wanted == CONFIGS[1])
        _refuse_large(name, sizes)
        config = _config(Path(hub.hf_hub_download(name, wanted, revision=revision)))
        if wanted == CONFIGS[1]:
            stored = sum(sizes[one] for one in files) / 2
            parameters = IMAGE_PARAMETERS.get(family_of(name, config), stored)
        elif info.safetensors is not None:
            parameters = float(info.safetensors.total)
        else:
            parameters = float(
                sum(hub.get_safetensors_metadata(name, revision=revision).parameter_count.values())
            )
    except TuningError:
        raise
    except Exception as error:  # of HTTP, network and cache; their classes depend on the library's version
        if not isinstance(error, GatedRepoError | RepositoryNotFoundError):
            with suppress(Exception):  # what an earlier job fetched
                return _of_folder(
                    Path(snapshot_download(name, revision=revision, local_files_only=True)), name
                )
        raise TuningError(
            f"nothing is known of the model {name}: {why_not_given(error, name, wanted)}"
        ) from None
    fetch = sum(
        sizes[one]
        for one in files
        if not isinstance(try_to_load_from_cache(name, one, revision=revision), str)
    )
    return ModelFacts.of(name, config, parameters, fetch_bytes=fetch, gated=bool(info.gated))
