"""Publishing a model on Hugging Face: upload, read back as a stranger, hash.

Publishing the same folder again goes on where it failed: the hub keeps what it has of an upload that broke
off, and a commit that holds all of it is found and taken.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, TypeVar

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet._util.text import one_line
from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings
from logicnet.tuning.compete.candidates import published_files
from logicnet.tuning.compete.model_id import files_hash, sha256_of

T = TypeVar("T")

TRIES = 5
FIRST_WAIT_S, MOST_WAIT_S = 2.0, 60.0
TOKENS = ("HF_ACCESS_TOKEN", "HUGGINGFACE_TOKEN", "HF_TOKEN")

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504}
_BOOKKEEPING = (".gitattributes",)  # files that the hub adds


@dataclass(frozen=True, slots=True)
class Published:
    """A model that strangers can download: `repo` at `revision` has the folder's files and no others."""

    repo: str
    revision: str
    hash: str
    repo_bytes: int


def token_of(settings: Settings) -> str:
    """The Hugging Face token. Raises SettingsError that names where it can be set."""
    if settings.hf_token is None:
        raise SettingsError(
            f"a Hugging Face token with write access is missing: put it into {' or '.join(TOKENS)} "
            "(https://huggingface.co/settings/tokens)"
        )
    return settings.hf_token.get_secret_value()


def publish(folder: Path, repo: str, token: str, *, sleep: Callable[[float], None] = time.sleep) -> Published:
    """Make `repo` (MAKER/NAME), public, hold the model in `folder`, and read that back.

    Retries what may pass: cut connections, 429 and 5xx. Raises TuningError; the folder is never changed.
    Blocks.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 (half a second)

    api = HfApi(token=token)
    files = published_files(folder)
    again = _Again(repo, sleep)
    again(lambda: api.create_repo(repo, private=False, exist_ok=True), "created")
    _refuse_private(api, repo, again)
    digests = digests_of(folder)
    done = again(lambda: _upload(api, folder, repo, files), "uploaded to")
    read_back(repo, done.oid, files, digests, again)
    return Published(repo, done.oid, files_hash(digests), sum(one.stat().st_size for one in files))


def reachable(repo: str, token: str) -> None:
    """Check that the token is known to the hub, and the repository public if there is one already.

    For before training begins. Raises TuningError; blocks.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415

    api, again = HfApi(token=token), _Again(repo, time.sleep)
    again(api.whoami, "written to")
    if again(lambda: api.repo_exists(repo), "read"):
        _refuse_private(api, repo, again)


def same_model(folder: Path, repo: str, revision: str) -> str:
    """The hash of a folder's model, which `repo` holds at `revision`, and no other file.

    Raises TuningError that names what differs; blocks.
    """
    digests = digests_of(folder)
    read_back(repo, revision, published_files(folder), digests, _Again(repo, time.sleep))
    return files_hash(digests)


def digests_of(folder: Path) -> dict[str, bytes]:
    """The sha256 of each file that is published, by its name. Raises TuningError."""
    try:
        return {one.name: sha256_of(one) for one in published_files(folder)}
    except OSError as error:
        raise TuningError(f"the model {folder} cannot be read: {error.strerror or error}") from None


def _refuse_private(api: Any, repo: str, again: "_Again") -> None:
    if again(lambda: api.model_info(repo), "read").private:
        raise TuningError(
            f"the repository {repo} exists and is private: make it public at "
            f"https://huggingface.co/{repo}/settings, or choose another --repo"
        )


def _upload(api: Any, folder: Path, repo: str, files: list[Path]) -> Any:
    return api.upload_folder(
        repo_id=repo,
        folder_path=folder,
        allow_patterns=[one.name for one in files],
        delete_patterns=["*"],  # what an earlier version had
        commit_message="Upload model",
    )


def read_back(
    repo: str, revision: str, files: list[Path], digests: Mapping[str, bytes], again: "_Again"
) -> None:
    """Check that a stranger sees `revision` with the bytes of `files`, and no other file.

    Raises TuningError that names the first that differs.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415

    info = again(
        lambda: HfApi(token=False).model_info(repo, revision=revision, files_metadata=True), "read back from"
    )
    there = {one.rfilename: one for one in info.siblings or () if one.rfilename not in _BOOKKEEPING}
    for name in sorted({*there, *digests}):
        one = there.get(name)
        if one is None or name not in digests:
            raise TuningError(
                f"{repo} at {revision} {'lacks' if one is None else 'also has'} {name}: upload it again"
            )
        same = (
            one.lfs.sha256 == digests[name].hex()
            if one.lfs is not None
            else one.blob_id == _blob(next(file for file in files if file.name == name))
        )
        if not same:
            raise TuningError(f"{repo} at {revision} has another {name} than the folder: upload it again")


class _Again:
    """Calls the hub until it answers, at most `TRIES` times. Raises TuningError that says what failed."""

    def __init__(self, repo: str, sleep: Callable[[float], None]) -> None:
        self._repo = repo
        self._sleep = sleep

    def __call__(self, work: Callable[[], T], what: str) -> T:
        pause = Backoff(FIRST_WAIT_S, MOST_WAIT_S)
        for left in range(TRIES - 1, -1, -1):
            try:
                return work()
            except TuningError:
                raise
            except Exception as error:  # of HTTP and network; their classes depend on the library's version
                if not left or not _may_pass(error):
                    raise TuningError(self._words(error, what)) from None
                wait_s = pause.next_s()
                logger.warning("{}: not {} ({}); again in {:.0f} s.", self._repo, what, _said(error), wait_s)
                self._sleep(wait_s)
        raise AssertionError

    def _words(self, error: Exception, what: str) -> str:
        status = _status(error)
        end = "the model stays where it is: `logicnet tune upload` goes on from there"
        if status in (401, 403):
            return (
                f"the repository {self._repo} cannot be {what}: the hub refuses the token ({status}): it "
                f"needs write access to {self._repo.partition('/')[0]}; set {' or '.join(TOKENS)}; {end}"
            )
        return f"the repository {self._repo} cannot be {what}: {_said(error)}; {end}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error, if the hub answered."""
    for one in _chain(error):
        found = getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(found, int):
            return found
    return None


def _may_pass(error: Exception) -> bool:
    import httpx2  # noqa: PLC0415

    status = _status(error)
    if status is not None:
        return status in _TRANSIENT
    return any(
        isinstance(one, httpx2.TransportError | ConnectionError | TimeoutError) for one in _chain(error)
    )


def _said(error: Exception) -> str:
    status = _status(error)
    words = one_line(str(error), 200) or type(error).__name__
    return f"status {status}" if status is not None and status >= 500 else words


def _blob(file: Path) -> str:
    """The name that git has for the file's content."""
    digest = sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as raw:
        while piece := raw.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
