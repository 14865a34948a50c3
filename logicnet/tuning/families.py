"""Families of models: presets and records of success are kept by family."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from logicnet._util.text import one_line
from logicnet.errors import TuningError
from logicnet.tuning.spec import ImageFamily, ImageType, TrainSpec

Family = Literal[
    "llama", "mistral", "phi", "qwen", "gemma", "smollm", "sd", "sdxl", "flux", "other"
]  # fmt: skip
FAMILIES: tuple[str, ...] = get_args(Family)

_PIPELINES: Mapping[str, ImageFamily] = {
    "StableDiffusionPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl",
    "FluxPipeline": "flux",
}
"""`_class_name` of diffusers' model_index.json."""

_NAMES: tuple[tuple[Family, str], ...] = (
    ("smollm", r"smollm"),
    ("sdxl", r"sdxl|stable-diffusion-xl"),
    ("sd", r"stable-diffusion|\bsd-?(v?[12])"),
    ("flux", r"\bflux"),
    ("qwen", r"qwen|\bqwq"),
    ("llama", r"llama|vicuna"),
    ("mistral", r"mistral|mixtral|ministral|zephyr"),
    ("gemma", r"gemma"),
    ("phi", r"\bphi(?![a-z])"),
)


def family_of(name: str, config: Mapping[str, Any] | None) -> Family:
    """The family of a model MAKER/MODEL or of a folder.

    `config`: its config.json or model_index.json. What that says of the architecture counts before the name;
    the name tells SmolLM, which is of Llama's architecture, from Llama.
    """
    named = _by_name(name)
    kind = str((config or {}).get("model_type") or "").lower()
    pipeline = (config or {}).get("_class_name")
    if pipeline is not None:
        return _PIPELINES.get(str(pipeline), "other")
    if not kind:
        return named
    if kind == "llama" and named == "smollm":
        return named
    return next(
        (one for one in ("smollm", "llama", "mistral", "phi", "qwen", "gemma") if kind.startswith(one)),
        "mistral" if kind in ("mixtral", "ministral") else "other",
    )


def _by_name(name: str) -> Family:
    """By the model's part of its name, else by its maker's."""
    maker, _, model = name.lower().replace("_", "-").rstrip("/").rpartition("/")
    for text in (model, maker.rpartition("/")[2]):
        for family, pattern in _NAMES:
            if re.search(pattern, text):
                return family
    return "other"


def family_of_spec(spec: TrainSpec, config: Mapping[str, Any] | None) -> Family:
    """As `family_of`. What a request for pictures says of the model counts only where no `config` is known.

    Raises TuningError if `config` is that of another kind of model.
    """
    kind, name = spec.dataset_type, spec.model_name or spec.model
    if not isinstance(kind, ImageType):
        refuse_other_kind(name, config, pictures=False)
        return family_of(name, config)
    refuse_other_kind(name, config, pictures=True)
    found = family_of(name, config) if config else kind.image_family
    if found != kind.image_family:
        raise TuningError(
            f"the model {name} is of family {found}, not {kind.image_family}: set image_family {found}"
        )
    return found


def refuse_other_kind(name: str, config: Mapping[str, Any] | None, *, pictures: bool) -> None:
    """Raise TuningError if `config` is known and is not that of a model of `pictures`, or of one of text."""
    if not config:
        return
    pipeline = config.get("_class_name")
    if pictures and str(pipeline) not in _PIPELINES:
        kind = pipeline or config.get("model_type") or "model without model_index.json"
        raise TuningError(
            f"the model {name} is a {one_line(str(kind), 100)}, which learns nothing from pictures: take "
            f"one of {', '.join(_PIPELINES)}"
        )
    if not pictures and pipeline is not None:
        raise TuningError(
            f"the model {name} is a {one_line(str(pipeline), 100)}, which learns from pictures: take a "
            "language model, or give the dataset_type of pictures, image_family"
        )
