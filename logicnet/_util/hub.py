"""Why the Hugging Face hub does not give a file, in words that say what mends it."""

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from logicnet._util.text import one_line

_REFUSALS: dict[type[Exception], str] = {
    GatedRepoError: "it is gated: ask for access at https://huggingface.co/{name}, and put a token of that "
    "account into HF_TOKEN",
    RepositoryNotFoundError: "the hub has no such repository: correct the name, or put a token into HF_TOKEN",
    HFValidationError: "this is no name of a repository and no folder: correct it",
    OfflineModeIsEnabled: "HF_HUB_OFFLINE forbids to ask the hub: unset it, or give a folder",
    LocalEntryNotFoundError: "the hub cannot be reached: check the network, or give a folder",
    EntryNotFoundError: "the hub has no {file} of it: take another model",
}
"""In the order in which they are checked: a gated repository is also one that is not found, and what is not
in the cache while the hub is away an entry that is not found."""


def why_not_given(error: Exception, name: str, file: str = "such file") -> str:
    """What an error of huggingface_hub means for `file` of `name`; any other is a failed call."""
    for kind, words in _REFUSALS.items():
        if isinstance(error, kind):
            return words.format(name=name, file=file)
    return f"the hub cannot be reached ({one_line(str(error), 300)}): check the network, or give a folder"
