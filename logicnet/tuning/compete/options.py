"""The flags of `logicnet tune upload` and `logicnet tune commit`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError


class SubmitOptions(Flags):
    """`words` are settings."""

    words: tuple[str, ...] = ()
    hf_repo_id: Annotated[str | None, Flag(("--hf_repo_id", "--hf-repo-id", "--repo"))] = Field(
        None, description="Repository: NAMESPACE/NAME."
    )
    competition_id: Annotated[str, Flag(("--competition_id", "--competition-id", "--competition"))] = Field(
        "m1", description="Competition; `logicnet tune competitions` lists them."
    )
    base: str | None = Field(
        None,
        description="The model that it was tuned from: a folder, or a name on the hub; default: the "
        "competition's, if it has one.",
    )
    bind_hotkey: Annotated[bool, Flag(("--bind_hotkey", "--bind-hotkey"))] = Field(
        False, description="Commit a hash that fits no other hotkey, against copying."
    )
    really: bool = Field(False, description="Send it, where a hotkey commits once for ever.")

    @property
    def repo(self) -> str:
        """Raises SettingsError."""
        if self.hf_repo_id is None or self.hf_repo_id.count("/") != 1:
            raise SettingsError(f"--hf_repo_id {self.hf_repo_id or ''!r} takes NAMESPACE/NAME")
        return self.hf_repo_id


class UploadOptions(SubmitOptions):
    """`logicnet tune upload`, and scripts/upload_model.py."""

    load_model_dir: Annotated[Path | None, Flag(("--load_model_dir", "--load-model-dir"))] = Field(
        None, description="Folder of the model."
    )

    @property
    def folder(self) -> Path:
        """Raises SettingsError."""
        if self.load_model_dir is None:
            raise SettingsError("--load_model_dir is missing: name the folder of the model")
        return self.load_model_dir


class CommitOptions(SubmitOptions):
    """`logicnet tune commit`."""

    revision: str | None = Field(
        None, description="Commit of the repository: 40 hex digits; default: its newest."
    )
    load_model_dir: Annotated[Path | None, Flag(("--load_model_dir", "--load-model-dir"))] = Field(
        None, description="Folder with the same model, for the hash where one is committed."
    )
