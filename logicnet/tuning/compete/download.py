"""Downloading what another miner submitted: refused by its facts before a byte of weights is fetched."""

import shutil
from pathlib import Path

from logicnet._util.hub import why_not_given
from logicnet.errors import TuningError
from logicnet.tuning import hub
from logicnet.tuning.compete import candidates
from logicnet.tuning.compete.competitions import Competition, Submission
from logicnet.tuning.compete.model_id import bound_hash, files_hash
from logicnet.tuning.compete.publish import digests_of

MOST_BYTES = 80_000_000_000
"""Of a competition without a limit of its own: a model of 35B parameters in bfloat16 has 70 GB."""

_ABOUT_MODEL = ("parameters", "size", "architecture", "pickles", "code", "template's code")


def download(
    competition: Competition, submission: Submission, hotkey: str, folder: Path, token: str | None = None
) -> Path:
    """The model that `hotkey` submitted, in `folder`, which it makes.

    Refused: what breaks the competition's rules for models (a pickle, too large, another architecture), what
    does not fit its hash, what was deleted. Raises TuningError in one line; blocks.
    """
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 (half a second)

    name = f"{submission.repo} at {submission.revision[:12]}"
    found = candidates.of_repo(submission.repo, submission.revision, token, HfApi(token=token or False))
    if "adapter_config.json" in found.files:
        raise TuningError(f"{name} is not downloaded: it holds an adapter, which would change its weights")
    broken = [
        one
        for one in competition.rules(found, submission.repo, hotkey)
        if one.name in _ABOUT_MODEL and not one.met
    ]
    if broken:
        one = broken[0]
        raise TuningError(f"{name} is not downloaded: {one.name}: {one.found}, wanted: {one.wanted}")
    if found.repo_bytes > MOST_BYTES:
        raise TuningError(f"{name} is not downloaded: it has {found.repo_bytes / 1e9:.0f} GB")
    free = shutil.disk_usage(_there(folder)).free
    if found.repo_bytes > free:
        raise TuningError(
            f"{name} is not downloaded: it has {found.repo_bytes / 1e9:.1f} GB, and {free / 1e9:.1f} GB are "
            f"free at {folder}: make room, or name another folder"
        )
    try:
        snapshot_download(
            submission.repo,
            revision=submission.revision,
            local_dir=folder,
            token=token or False,
            allow_patterns=list(hub.WANTED),
        )
    except Exception as error:  # of HTTP, network and disk; their classes depend on the library's version
        raise TuningError(f"{name} cannot be downloaded: {why_not_given(error, submission.repo)}") from None
    if submission.hash:
        _check_hash(name, submission, hotkey, folder)
    return folder


def _check_hash(name: str, submission: Submission, hotkey: str, folder: Path) -> None:
    found = files_hash(digests_of(folder))
    if submission.hash not in (found, bound_hash(found, hotkey)):
        raise TuningError(f"{name} is not what was committed: its hash is {found}, not {submission.hash}")


def _there(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())
