"""Pictures with their texts, from folders and from zips of strangers."""

from __future__ import annotations

import shutil
import stat
import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logicnet.tuning.data import pictures
from logicnet.tuning.data.checking import BadDataset, Faults
from logicnet.tuning.data.pictures import pictures_of

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + b"p", b"\xff\xd8\xff\xe0" + b"j"
GOOD = {
    "10_x style/a.png": PNG,
    "10_x style/a.txt": b"\xef\xbb\xbfa  cat\n",
    "b.JPG": JPEG,
    "b.txt": "é".encode(),
}


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "x.zip"
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content, ZIP_DEFLATED if len(content) > 100 else ZIP_STORED)
    return path


def unpacked(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / "x" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "x"


def read(source: Path, folder: Path) -> list[tuple[str, str, bytes]]:
    faults = Faults(source.name)
    (folder / "out").mkdir()
    found = [
        (one.path.name, one.caption, one.path.read_bytes())
        for one in pictures_of(source, folder / "out", faults)
    ]
    faults.refuse()
    return found


@pytest.mark.parametrize("make", [packed, unpacked])
def test_pictures_are_copied_with_their_texts(tmp_path, make):
    source = make(tmp_path, GOOD | {".DS_Store": b"x", "__MACOSX/._b.txt": b"x", "notes.txt": b"other"})
    assert read(source, tmp_path) == [("000001.png", "a cat", PNG), ("000002.jpg", "é", JPEG)]


@pytest.mark.parametrize("make", [packed, unpacked])
@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.png": PNG}, r"a\.png': no text beside it \('a\.txt'\)"),
        ({"a.png": PNG, "a.txt": b" "}, r"a\.txt': is empty"),
        ({"a.png": PNG, "a.txt": b"\xe9"}, r"a\.txt': not UTF-8"),
        ({"a.png": b"\x80\x04\x95pickle", "a.txt": b"x"}, r"a\.png': is no PNG picture"),
        ({"a.png": JPEG, "a.txt": b"x"}, r"a\.png': is no PNG picture"),
        ({"a.pt": b"\x80", "a.txt": b"x"}, r"has no picture"),
        ({}, r"has no picture"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, make, files, says):
    (tmp_path / "x").mkdir()
    with pytest.raises(BadDataset, match=says):
        read(make(tmp_path, files), tmp_path)


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "x/../../a.png", "..\\a.png", "C:/a.png"])
def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path, name):
    with pytest.raises(BadDataset, match="leads out of it"):
        read(packed(tmp_path, GOOD | {name: PNG}), tmp_path)
    assert not list((tmp_path / "out").iterdir())


def test_a_link_in_the_zip_is_refused(tmp_path):
    path = packed(tmp_path, GOOD)
    link = ZipInfo("c.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadDataset, match="has the link"):
        read(path, tmp_path)


def test_a_broken_zip_is_refused(tmp_path):
    path = packed(tmp_path, GOOD)
    path.write_bytes(path.read_bytes().replace(PNG, PNG[:-1] + b"q"))  # its sum is wrong
    with pytest.raises(BadDataset, match=r"a\.png' cannot be read \(Bad CRC-32"):
        read(path, tmp_path)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = packed(tmp_path, GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadDataset, match="is encrypted"):
        read(path, tmp_path)


def test_a_file_without_a_name_is_refused(tmp_path):
    path = packed(tmp_path, GOOD)
    path.write_bytes(path.read_bytes().replace(b"b.txt", b"\0.txt"))  # a name ends at its first NUL
    with pytest.raises(BadDataset, match="has a file without a name"):
        read(path, tmp_path)


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    for name in ("x.zip", "absent.zip"):
        with pytest.raises(BadDataset, match="neither a folder nor a zip"):
            list(pictures_of(tmp_path / name, tmp_path, Faults("x")))


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        ("MOST_PICTURES", 1, "has 2 pictures, at most 1"),
        ("MOST_FILES", 3, "has 4 files"),
        ("MOST_BYTES", 10, "has 4 files"),
        ("MOST_PICTURE_BYTES", 5, r"a\.png' has more than"),
        ("MOST_TEXT_BYTES", 1, r"a\.txt' has more than"),
    ],
)
def test_what_is_too_much_is_refused(tmp_path, monkeypatch, limit, value, says):
    monkeypatch.setattr(pictures, limit, value)
    with pytest.raises(BadDataset, match=says):
        read(packed(tmp_path, GOOD), tmp_path)


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(tmp_path):
    """Else 8 GiB in its directory could be terabytes on the disk."""
    path = packed(tmp_path, {"a.png": PNG + bytes(1_000_000), "a.txt": b"x"})
    content = path.read_bytes()
    size = struct.pack("<I", len(PNG) + 1_000_000)
    path.write_bytes(content.replace(size, struct.pack("<I", 100)))
    with pytest.raises(BadDataset, match=r"a\.png' cannot be read"):
        read(path, tmp_path)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.thorough
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 50))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.filterwarnings("ignore:Duplicate name", "ignore:.*zip")
def test_a_damaged_zip_is_read_or_refused(tmp_path, place, byte, cut):
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    content = bytearray(packed(tmp_path, GOOD).read_bytes())
    content[place % len(content)] = byte
    (tmp_path / "x.zip").write_bytes(content[: len(content) - cut])
    try:
        found = read(tmp_path / "x.zip", tmp_path)
    except BadDataset as error:
        assert str(error).isprintable()
    else:
        assert found
