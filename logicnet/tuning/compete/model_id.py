"""The text that a finetuning competition has on the chain, and the hash in it.

`namespace:name:commit:hash:competition`, at most 128 bytes: with 40 characters of a commit, 44 of a hash and
two of a competition, 38 are left for a repository's namespace and name. Source: 0xLienid/finetuning-subnet.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from logicnet.errors import TuningError

MOST_BYTES = 128

COMMIT = re.compile(r"[0-9a-f]{40}")
_PART = re.compile(r"[A-Za-z0-9._-]+")
_COMPETITION = re.compile(r"[A-Za-z0-9]{1,2}")
_HASH = re.compile(r"[A-Za-z0-9+/]{43}=")  # base64 of 32 bytes


@dataclass(frozen=True, slots=True)
class ModelId:
    """One version of a model. `hash`: base64 of the sha256 over its files (`files_hash`)."""

    namespace: str
    name: str
    commit: str  # 40 hex digits
    hash: str
    competition_id: str

    def text(self) -> str:
        """As it is committed. Raises TuningError that names the part that is wrong."""
        for what, value, pattern in (
            ("namespace", self.namespace, _PART),
            ("name", self.name, _PART),
            ("commit", self.commit, COMMIT),
            ("hash", self.hash, _HASH),
            ("competition", self.competition_id, _COMPETITION),
        ):
            if not pattern.fullmatch(value):
                raise TuningError(f"the {what} {value[:80]!r} cannot be committed: {_WANTS[what]}")
        text = ":".join((self.namespace, self.name, self.commit, self.hash, self.competition_id))
        if len(text) > MOST_BYTES:
            spare = MOST_BYTES - len(text)
            room = len(self.namespace) + len(self.name) + spare
            raise TuningError(
                f"the repository {self.namespace}/{self.name} is too long for the chain: its namespace and "
                f"name have {len(self.namespace) + len(self.name)} characters, and {room} fit: shorten --repo"
            )
        return text

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a committed text. Raises TuningError if it has another form."""
        parts = text.split(":")
        if len(parts) != 5 or len(text.encode()) > MOST_BYTES:
            raise TuningError(
                f"the commitment {text[:80]!r} is not namespace:name:commit:hash:competition, with at most "
                f"{MOST_BYTES} bytes"
            )
        found = cls(*parts)
        found.text()
        return found


_WANTS = {
    "namespace": "letters, digits, '.', '_' and '-'",
    "name": "letters, digits, '.', '_' and '-'",
    "commit": "it takes the commit's 40 hex digits, not a branch or a tag",
    "hash": "it takes base64 of 32 bytes: name the folder of the model, --load_model_dir",
    "competition": "it takes one or two letters or digits",
}


def files_hash(digests: Mapping[str, bytes]) -> str:
    """The hash of a model: of the base64 of each file's sha256, in the order of their paths."""
    whole = hashlib.sha256()
    for path in sorted(digests):
        whole.update(base64.b64encode(digests[path]))
    return base64.b64encode(whole.digest()).decode()


def sha256_of(file: Path) -> bytes:
    """Raises OSError."""
    with file.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").digest()


def bound_hash(hash_: str, hotkey: str) -> str:
    """Who copies this text commits a hash that does not fit the copier's hotkey."""
    return base64.b64encode(hashlib.sha256(f"{hash_}{hotkey}".encode()).digest()).decode()
