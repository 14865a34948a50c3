"""The text on the chain."""

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.errors import TuningError
from logicnet.tuning.compete.model_id import MOST_BYTES, ModelId, bound_hash, files_hash, sha256_of

HASH = base64.b64encode(bytes(32)).decode()
COMMIT = "0123456789" * 4

parts = st.text("abcXYZ019._-", min_size=1, max_size=19)


@given(parts, parts, st.binary(min_size=32, max_size=32), st.binary(min_size=20, max_size=20))
def test_what_is_written_is_read(namespace: str, name: str, digest: bytes, commit: bytes) -> None:
    found = ModelId(namespace, name, commit.hex(), base64.b64encode(digest).decode(), "m1")
    assert ModelId.parse(found.text()) == found
    assert len(found.text().encode()) <= MOST_BYTES


def test_namespace_and_name_have_38_characters() -> None:
    assert len(ModelId("a" * 20, "b" * 18, COMMIT, HASH, "m1").text()) == MOST_BYTES
    said = r"aaa/b+ is too long for the chain: .* have 39 characters, and 38 fit: shorten --repo"
    with pytest.raises(TuningError, match=said):
        ModelId("a" * 20, "b" * 19, COMMIT, HASH, "m1").text()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"commit": "main"}, "the commit 'main' cannot be committed: it takes the commit's 40 hex digits"),
        ({"commit": COMMIT[:-1]}, "not a branch or a tag"),
        ({"commit": COMMIT.upper().replace("0", "A")}, "40 hex digits"),
        ({"namespace": "a:b"}, "the namespace 'a:b'"),
        ({"name": ""}, "the name ''"),
        ({"name": "naïve"}, "letters, digits"),
        ({"hash": ""}, "the hash '' cannot be committed: .* --load_model_dir"),
        ({"competition_id": "m12"}, "one or two letters"),
    ],
)
def test_a_part_that_is_wrong_is_named(changed: dict[str, str], says: str) -> None:
    parts = {"namespace": "a", "name": "b", "commit": COMMIT, "hash": HASH, "competition_id": "m1"}
    with pytest.raises(TuningError, match=says) as error:
        ModelId(**{**parts, **changed}).text()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "hello", "a:b:c:d", f"a:b:{COMMIT}:{HASH}:m1:x", f"{'a' * 60}:b:{COMMIT}:{HASH}:m1"]
)
def test_a_text_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(TuningError):
        ModelId.parse(text)


def test_the_hash_is_over_the_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(name.encode() * 3)
    digests = {one.name: sha256_of(one) for one in tmp_path.iterdir()}
    whole = b"".join(base64.b64encode(hashlib.sha256(one).digest()) for one in (b"aaa", b"bbb"))
    assert files_hash(digests) == base64.b64encode(hashlib.sha256(whole).digest()).decode()
    assert files_hash(digests) != files_hash(digests | {"c": bytes(32)})


def test_a_bound_hash_fits_one_hotkey() -> None:
    one, other = bound_hash(HASH, "5Miner"), bound_hash(HASH, "5Rival")
    assert one != other
    assert len(one) == len(HASH)
