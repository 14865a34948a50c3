"""What a job is made from, fetched: a model, a file behind an address, the facts of a repository.

Reads files of this machine and Hugging Face's hub (HF_ENDPOINT and HF_HUB_OFFLINE are respected). Weights
are safetensors; a pickle can run code and is never loaded, not even downloaded.
"""

import hashlib
import ipaddress
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

import logicnet
from logicnet.errors import TuningError
from logicnet.tuning.folders import here
from logicnet.tuning.spec import public_name


class ModelNotFound(TuningError):
    """There is no such folder, and no such repository."""


class TooLarge(TuningError):
    """A repository is not fetched: it is larger than the limit, or than what the disk may give."""


WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.safetensors.index.json")
"""Weights, configuration and tokenizer of a model; no pickles, no code."""

MOST_MODEL_BYTES = 2**39
"""Of a repository that a request names, 550 GB: a model of 70 billion parameters in 32 bits, or stored twice.
Whether memory holds the model is judged by its parameters."""

MOST_FILE_BYTES = 20 * 2**30
MOST_FETCH_S = 3600.0
"""For a dataset; a server that sends a byte now and then would hold a slot for ever."""

_TIMEOUT_S = 30.0
ASK_S = 10.0
"""For an answer of the hub while a caller waits."""
_MOST_CONFIG_BYTES = 1 << 20


def model_folder(name: str, token: str | None, *, local: bool = True, most_bytes: int | None = None) -> Path:
    """The folder of the model `name`: a folder of this machine (if `local`), else from the hub.

    With `most_bytes` a larger repository, or one whose files that are not here yet would take more than half
    of the free disk, is refused before it is fetched (TooLarge). Raises TuningError: one line that says what
    failed and what mends it. Blocks; downloads resume.
    """
    folder = here(name) if local else None
    if folder is not None and folder.is_dir():
        found = folder.resolve()
    else:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 (half a second)
        from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError  # noqa: PLC0415
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        from logicnet._util.hub import why_not_given  # noqa: PLC0415

        disable_progress_bars()
        try:
            asked = {} if most_bytes is None else _bounded(name, token, most_bytes)
            found = Path(snapshot_download(name, token=token, allow_patterns=list(WANTED), **asked))
        except TuningError:
            raise
        except (
            Exception
        ) as error:  # of HTTP, network and cache; their classes depend on the library's version
            missing = isinstance(error, (RepositoryNotFoundError, HFValidationError))
            kind = ModelNotFound if missing else TuningError
            raise kind(f"model {name}: {why_not_given(error, name)}") from None
    if not any(found.rglob("*.safetensors")):
        pickles = [one.name for one in found.iterdir() if one.suffix in (".bin", ".pt", ".pth", ".ckpt")]
        held = f"only {pickles[0]}, which may run code when it is loaded" if pickles else "no weights"
        raise TuningError(f"model {name}: it has {held}: convert it to safetensors, or take another model")
    return found


def _bounded(name: str, token: str | None, most_bytes: int) -> dict[str, Any]:
    """What of a repository may be fetched: the commit whose sizes the hub told, or what is here already.

    Raises TooLarge.
    """
    from huggingface_hub import HfApi, constants, try_to_load_from_cache  # noqa: PLC0415 (half a second)
    from huggingface_hub.errors import OfflineModeIsEnabled  # noqa: PLC0415
    from huggingface_hub.utils import filter_repo_objects  # noqa: PLC0415

    try:
        info = HfApi(token=token).model_info(name, files_metadata=True)
    except (httpx2.ConnectError, httpx2.TimeoutException, OfflineModeIsEnabled):
        return {"local_files_only": True}
    wanted = filter_repo_objects(
        info.siblings or (), allow_patterns=list(WANTED), key=lambda one: one.rfilename
    )
    sizes = {one.rfilename: one.size or 0 for one in wanted}
    size = sum(sizes.values())
    if size > most_bytes:
        raise TooLarge(
            f"model {name}: it has {size / 1e9:.0f} GB, and at most {most_bytes / 1e9:.0f} GB are fetched "
            "here: take a smaller model"
        )
    absent = sum(
        size
        for path, size in sizes.items()
        if not isinstance(try_to_load_from_cache(name, path, revision=info.sha), str)
    )
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(one for one in (cache, *cache.parents) if one.exists())).free
    if 2 * absent > free:
        raise TooLarge(
            f"model {name}: {absent / 1e9:.0f} GB are to be fetched, over half of the {free / 1e9:.0f} GB of "
            "free disk: free some, or let HF_HOME name a folder on a larger disk"
        )
    return {"revision": info.sha}


def base_at_hand(adapter: Path, *, local: bool) -> Path | None:
    """The folder of the base that an adapter names, where this machine has it; nothing is fetched.

    It is a model that the hub's client keeps, or (if `local`) a folder. None also if this is no adapter.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (half a second)

    config = adapter / "adapter_config.json"
    try:
        if config.stat().st_size > _MOST_CONFIG_BYTES:
            return None
        held = json.loads(config.read_text())
        named, revision = held["base_model_name_or_path"], held.get("revision")
        if not isinstance(named, str) or revision not in (None, "main"):
            return None
        folder = here(named) if local else None
        if folder is not None and folder.is_dir():
            return folder.resolve()
        return Path(snapshot_download(named, local_files_only=True, allow_patterns=list(WANTED)))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def refuse_dataset(name: str, token: str | None, most_bytes: int | None = None) -> None:
    """Raise TuningError if the hub has no dataset `name`, or does not give it to us, or does not answer.

    Raise TooLarge if its files have more than `most_bytes`. Where HF_HUB_OFFLINE is set the hub is not asked:
    the dataset may have been fetched before. Takes at most about 2 x ASK_S.
    """
    from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url  # noqa: PLC0415 (half a second)
    from huggingface_hub.errors import OfflineModeIsEnabled  # noqa: PLC0415

    from logicnet._util.hub import why_not_given  # noqa: PLC0415

    try:
        info = HfApi(token=token).dataset_info(name, timeout=ASK_S, files_metadata=most_bytes is not None)
        file = next((one.rfilename for one in info.siblings or ()), None)
        if info.gated and file is not None:  # that it exists is told to everybody
            url = hf_hub_url(name, file, repo_type="dataset", revision=info.sha)
            get_hf_file_metadata(url, token=token, timeout=ASK_S)
    except OfflineModeIsEnabled:
        return
    except Exception as error:  # of HTTP and network; their classes depend on the library's version
        raise TuningError(f"dataset {name}: {why_not_given(error, f'datasets/{name}')}") from None
    size = sum(one.size or 0 for one in info.siblings or ())
    if most_bytes is not None and size > most_bytes:
        raise TooLarge(
            f"dataset {name}: it has {size / 1e9:.0f} GB, and at most {most_bytes / 1e9:.0f} GB are fetched "
            "here: give rows, and no more than these are read, or take a smaller dataset"
        )


def fetch(
    address: str,
    folder: Path,
    *,
    private: bool,
    most_bytes: int = MOST_FILE_BYTES,
    most_s: float = MOST_FETCH_S,
) -> Path:
    """The file behind an http(s) address, kept in `folder` by the hash of the address.

    `private` allows addresses of this machine and of private networks, and redirections. Raises TuningError.
    Blocks.
    """
    try:
        url, parts = httpx2.URL(address), urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(address)
    except (httpx2.InvalidURL, ValueError):
        raise TuningError(f"dataset {public_name(address)[:200]}: not an http(s) address") from None
    name = public_name(address)
    asked: dict[str, Any] = {"follow_redirects": private}
    if not private:  # the address that was checked is the one that is asked, whatever the name means next
        asked["headers"] = {"Host": url.netloc.decode()}
        asked["extensions"] = {"sni_hostname": url.raw_host.decode()}
        url = url.copy_with(host=_public(parts.hostname, name))
    folder.mkdir(parents=True, exist_ok=True)
    suffix = Path(parts.path).suffix[:16]
    path = folder / (hashlib.sha256(address.encode()).hexdigest()[:32] + suffix)
    if path.exists():
        return path
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    until_s = time.monotonic() + most_s
    try:
        with httpx2.stream("GET", url, timeout=_TIMEOUT_S, **asked) as response:
            if response.status_code != 200:
                raise TuningError(f"dataset {name}: the server answers {response.status_code}")
            taken = 0
            with part.open("wb") as file:
                for chunk in response.iter_bytes():
                    taken += len(chunk)
                    if taken > most_bytes:
                        raise TuningError(f"dataset {name}: more than {most_bytes / 2**30:.0f} GiB")
                    if time.monotonic() > until_s:
                        raise TuningError(f"dataset {name}: not fetched within {most_s / 3600:.2g} h")
                    file.write(chunk)
        part.replace(path)
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:  # a redirection may lead anywhere
        raise TuningError(
            f"dataset {name}: cannot be fetched ({type(error).__name__}): check the address and the network"
        ) from None
    except OSError as error:
        raise TuningError(f"dataset {name}: cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def environment(token: str | None) -> dict[str, str]:
    """Of a child process that asks the hub: ours, this package importable, and the token."""
    package = str(Path(logicnet.__file__).parent.parent)
    given = os.environ | {"PYTHONPATH": package, "PYTHONSAFEPATH": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return given | ({"HF_TOKEN": token} if token is not None else {})


def _public(host: str, name: str) -> str:
    """An address of `host`. Raises TuningError if any is of this machine or a private network."""
    try:
        found = [str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        raise TuningError(f"dataset {name}: {host} is not known: correct the address") from None
    if any(not ipaddress.ip_address(one).is_global for one in found):
        raise TuningError(
            f"dataset {name}: an address of a private network, which only the operator may name"
        )
    return found[0]
