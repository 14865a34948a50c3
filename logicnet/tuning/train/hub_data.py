"""Rows of a dataset of the Hugging Face hub, as the library `datasets` reads them, into a JSONL file."""

import functools
import itertools
import json
import os
from pathlib import Path
from typing import Any

import datasets
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

from logicnet.tuning.train.running import Ended, saving

_LOGIN = "set HF_TOKEN to a token that may read it"


def fetch(name: str, out: Path, rows: int | None = None, most_bytes: int | None = None) -> None:
    """Write the split `train` of `name` to `out`, its first `rows` rows if given; `out` is whole or absent.

    With `most_bytes` nothing else is kept on disk, and `out` has no more: files may be packed.
    HF_ENDPOINT and HF_TOKEN are respected. Raises Ended with one line that says what is wrong.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = datasets.load_dataset(name, split="train", streaming=(rows, most_bytes) != (None, None))
        written = 0
        with saving(out.parent), part.open("w") as file:
            for number, row in enumerate(itertools.islice(found, rows), 1):
                line = json.dumps(row, default=functools.partial(_as_text, name, number)) + "\n"
                written += len(line)  # bytes: json.dumps writes ASCII
                if most_bytes is not None and written > most_bytes:
                    raise Ended(
                        "failed",
                        f"dataset {name}: its text has over {most_bytes / 1e9:.3g} GB, and no more is "
                        "fetched: give rows, or take a smaller dataset",
                    )
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except Ended:
        raise
    except Exception as error:
        raise Ended("failed", _why(name, error)) from error
    finally:
        part.unlink(missing_ok=True)


def _as_text(name: str, number: int, value: Any) -> Any:
    if hasattr(value, "isoformat"):  # dates and times
        return value.isoformat()
    raise Ended("failed", f"dataset {name}, row {number} holds a {type(value).__name__}, which is no text")


def _why(name: str, error: Exception) -> str:
    words = str(error).strip().partition("\n")[0]
    where = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 10:
        chain.append(cause)
    statuses = {
        one.response.status_code
        for one in chain
        if isinstance(one, HfHubHTTPError) and one.response is not None
    }
    if any(isinstance(one, GatedRepoError) for one in chain) or "gated" in words or statuses & {401, 403}:
        return f"dataset {name} cannot be read without permission: {_LOGIN}"
    if isinstance(error, (DatasetNotFoundError, FileNotFoundError)) and not statuses - {404}:
        return f"dataset {name} does not exist on {where}, or is private: check its name, or {_LOGIN}"
    if isinstance(error, (ConnectionError, OSError)):
        return f"dataset {name} cannot be fetched, {where} does not answer: {words}"
    return f"dataset {name} cannot be read: {words}"
