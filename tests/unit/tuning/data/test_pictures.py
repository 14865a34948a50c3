"""Pictures with their texts, from folders and from zips of strangers."""

from __future__ import annotations

import stat
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

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
            archive.writestr(name, content)
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
        ({"a.png": PNG}, r"a\.png: no text beside it \(a\.txt\)"),
        ({"a.png": PNG, "a.txt": b" "}, r"a\.txt: is empty"),
        ({"a.png": PNG, "a.txt": b"\xe9"}, r"a\.txt: not UTF-8"),
        ({"a.png": b"\x80\x04\x95pickle", "a.txt": b"x"}, r"a\.png: is no PNG picture"),
        ({"a.png": JPEG, "a.txt": b"x"}, r"a\.png: is no PNG picture"),
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


def test_a_broken_or_encrypted_zip_is_refused(tmp_path):
    path = packed(tmp_path, GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(PNG, b"\x89PNG\r\n\x1a\nq"))  # its sum is wrong
    with pytest.raises(BadDataset, match="broken zip"):
        read(path, tmp_path)
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(BadDataset, match="encrypted"):
        read(path, tmp_path / "x") if (tmp_path / "x").mkdir() is None else None
    path.write_bytes(b"PK no zip")
    with pytest.raises(BadDataset, match="neither a folder nor a zip"):
        list(pictures_of(path, tmp_path, Faults("x")))


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        ("MOST_PICTURES", 1, "has 2 pictures, at most 1"),
        ("MOST_FILES", 3, "has 4 files"),
        ("MOST_BYTES", 10, "has 4 files"),
        ("MOST_PICTURE_BYTES", 5, r"a\.png has more than"),
        ("MOST_TEXT_BYTES", 1, r"a\.txt has more than"),
    ],
)
def test_what_is_too_much_is_refused(tmp_path, monkeypatch, limit, value, says):
    monkeypatch.setattr(pictures, limit, value)
    with pytest.raises(BadDataset, match=says):
        read(packed(tmp_path, GOOD), tmp_path)


def test_a_zip_that_lies_about_a_size_is_stopped_by_the_bytes_that_come_out(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PICTURE_BYTES", 1000)
    path = packed(tmp_path, GOOD | {"b.JPG": JPEG + b"x" * 5000})
    with pytest.raises(BadDataset, match="has more than"):
        read(path, tmp_path)
