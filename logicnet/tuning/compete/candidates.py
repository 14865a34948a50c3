"""What is known of a model before it is published or downloaded: sizes, headers, small files.

Files of safetensors are known by their headers; nothing is unpickled, and torch is not imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from logicnet._util.hub import why_not_given
from logicnet.errors import TuningError
from logicnet.tuning import hub
from logicnet.tuning.compete import templates
from logicnet.tuning.compete.competitions import Candidate
from logicnet.tuning.compete.model_id import sha256_of
from logicnet.tuning.facts import facts_of
from logicnet.tuning.hub import ModelNotFound

SMALL_FILES = ("config.json", *templates.FILES)
_MOST_SMALL_BYTES = 20_000_000  # a tokenizer_config.json with many added tokens
_LEFTOVERS = ("trainer_state.json", "training_args.json", "result.json", "job.json", "events.jsonl")


def published_files(folder: Path) -> list[Path]:
    """The files of a model's folder that are published: what a model is loaded from, and no more."""
    return sorted(
        one
        for one in folder.iterdir()
        if one.is_file() and any(one.match(kind) for kind in hub.WANTED) and one.name not in _LEFTOVERS
    )


def of_folder(folder: Path, *, hashes: bool = True) -> Candidate:
    """The model in a folder. `hashes`: read all weights for their sha256. Raises TuningError."""
    if not folder.is_dir():
        raise TuningError(f"the model {folder} is not a folder: name the folder that it was saved in")
    facts = facts_of(str(folder.resolve()))
    try:
        files = published_files(folder)
        return Candidate(
            name=str(folder),
            files={one.name: one.stat().st_size for one in files},
            weights={
                one.name: sha256_of(one).hex() for one in files if hashes and one.suffix == ".safetensors"
            },
            parameters=facts.parameters,
            config=facts.config,
            templates=templates.templates_of(_texts(folder)),
        )
    except OSError as error:
        raise TuningError(f"the model {folder} cannot be read: {error.strerror or error}") from None


def of_repo(repo: str, revision: str, token: str | None = None, api: Any = None) -> Candidate:
    """The model of a repository at a commit, as strangers see it; small files of it are fetched.

    Raises TuningError.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 (half a second)

    api = api or HfApi(token=False)
    info = repo_info(api, repo, revision)
    files = {one.rfilename: one.size or 0 for one in info.siblings or ()}
    weights = {one.rfilename: one.lfs.sha256 for one in info.siblings or () if one.lfs is not None}
    texts = {}
    for name, size in files.items():
        if name in SMALL_FILES and size <= _MOST_SMALL_BYTES:
            try:
                path = api.hf_hub_download(repo, name, revision=revision)
                texts[name] = Path(path).read_text(encoding="utf-8", errors="replace")
            except Exception as error:  # as in `repo_info`, and of the disk
                raise TuningError(f"{name} of {repo}: {why_not_given(error, repo)}") from None
    facts = facts_of(repo, token, revision=revision)
    return Candidate(
        name=repo,
        files=files,
        weights={path: one for path, one in weights.items() if path.endswith(".safetensors")},
        parameters=facts.parameters,
        config=facts.config,
        templates=templates.templates_of(texts),
        revision=revision,
        public=True,
    )


def repo_info(api: Any, repo: str, revision: str) -> Any:
    """`model_info` with the sizes and hashes of all files.

    Raises ModelNotFound if nobody can read it, TuningError if the hub does not answer.
    """
    from huggingface_hub.errors import (  # noqa: PLC0415
        DisabledRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return api.model_info(repo, revision=revision, files_metadata=True)
    except RevisionNotFoundError:
        raise ModelNotFound(
            f"the repository {repo} has no commit {revision}: it was deleted, or never was"
        ) from None
    except (RepositoryNotFoundError, DisabledRepoError, HFValidationError) as error:
        raise ModelNotFound(f"the repository {repo}: {why_not_given(error, repo)}") from None
    except Exception as error:  # of HTTP and network; their classes depend on the library's version
        raise TuningError(f"the repository {repo}: {why_not_given(error, repo)}") from None


def _texts(folder: Path) -> Mapping[str, str]:
    return {
        name: (folder / name).read_text(encoding="utf-8", errors="replace")
        for name in SMALL_FILES
        if (folder / name).is_file() and (folder / name).stat().st_size <= _MOST_SMALL_BYTES
    }


def newest(repo: str) -> str:
    """The newest commit of a repository. Raises TuningError."""
    from huggingface_hub import HfApi  # noqa: PLC0415

    return str(repo_info(HfApi(token=False), repo, "main").sha)
