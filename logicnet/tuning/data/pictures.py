"""Pictures with a text of the same name, from a folder or a zip that anyone may have made."""

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol
from zipfile import BadZipFile, ZipFile

from logicnet._util.text import one_line
from logicnet.tuning.data.checking import BadDataset, Faults

MOST_PICTURES = 10_000
MOST_FILES = 5 * MOST_PICTURES
MOST_BYTES = 8 << 30  # of all files together, unpacked
MOST_PICTURE_BYTES = 64 << 20
MOST_TEXT_BYTES = 64 << 10

_BROKEN = (
    BadZipFile,
    NotImplementedError,  # zipfile's, for a compression or an encryption that it does not know
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
    LZMAError,
)
"""What zipfile and its decompressors raise."""

_BEGINNINGS = {".png": b"\x89PNG\r\n", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff", ".webp": b"RIFF"}


class _PictureFiles(Protocol):
    """Names of files, with slashes, and their content."""

    names: dict[str, int]

    def open(self, name: str) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was copied: its path, its text, and the sha256 of its bytes."""

    path: Path
    caption: str
    digest: bytes


def pictures_of(source: Path, folder: Path, faults: Faults) -> Iterator[Picture]:
    """Copy pictures into `folder` as 000001.png and so on; one without a text, or an empty one, is a fault.

    No name in an archive becomes a path. Raises BadDataset.
    """
    with _opened(source) as files:
        stems = {
            str(PurePosixPath(name).with_suffix("")): name for name in files.names if name.endswith(".txt")
        }
        names = sorted(one for one in files.names if PurePosixPath(one).suffix.lower() in _BEGINNINGS)
        if not names:
            raise BadDataset(
                f"{source} has no picture ({', '.join(_BEGINNINGS)}): put them beside their texts"
            )
        if len(names) > MOST_PICTURES:
            raise BadDataset(
                f"{source} has {len(names)} pictures, at most {MOST_PICTURES} are taken: remove some"
            )
        for number, name in enumerate(names, 1):
            text = stems.get(str(PurePosixPath(name).with_suffix("")))
            if text is None:
                faults.add(
                    repr(name), f"no text beside it ({PurePosixPath(name).with_suffix('.txt').name!r:.80})"
                )
                continue
            try:
                caption = _read(files, text, MOST_TEXT_BYTES).decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                faults.add(repr(text), "not UTF-8")
                continue
            if not caption:
                faults.add(repr(text), "is empty")
                continue
            suffix = PurePosixPath(name).suffix.lower()
            content = _read(files, name, MOST_PICTURE_BYTES)
            if not content.startswith(_BEGINNINGS[suffix]):
                faults.add(repr(name), f"is no {suffix[1:].upper()} picture")
                continue
            path = folder / f"{number:06}{suffix}"
            path.write_bytes(content)
            yield Picture(path, " ".join(caption.split()), sha256(content).digest())


def _read(files: _PictureFiles, name: str, most: int) -> bytes:
    try:
        with files.open(name) as file:
            content = file.read(most + 1)
    except _BROKEN as error:
        raise BadDataset(
            f"{name!r:.80} cannot be read ({one_line(str(error), 200)}): pack it again"
        ) from None
    if len(content) > most:
        raise BadDataset(f"{name!r:.80} has more than {most >> 10} KiB: make it smaller")
    return content


@contextmanager
def _opened(source: Path) -> Iterator[_PictureFiles]:
    if source.is_dir():
        yield _Folder(source)
        return
    try:
        archive = ZipFile(source)
    except _BROKEN as error:
        raise BadDataset(
            f"{source} is neither a folder nor a zip of pictures ({one_line(str(error), 200)}): correct the "
            "dataset's name, or pack it again"
        ) from None
    with archive:
        yield _Zip(archive, source)


class _Folder:
    def __init__(self, source: Path) -> None:
        self._source = source
        inside = (one for one in source.rglob("*") if not one.name.startswith(".") and one.is_file())
        self.names = {one.relative_to(source).as_posix(): one.stat().st_size for one in inside}
        _bound(source, self.names)

    def open(self, name: str) -> BinaryIO:
        return (self._source / name).open("rb")


class _Zip:
    def __init__(self, archive: ZipFile, source: Path) -> None:
        self._archive = archive
        self.names = {}
        for one in archive.infolist():
            path = PurePosixPath(one.filename)
            if not one.filename:  # zipfile would index it
                raise BadDataset(f"{source} has a file without a name: pack it again")
            if path.is_absolute() or ".." in path.parts or "\\" in one.filename or ":" in one.filename:
                raise BadDataset(
                    f"{source} has the name {one.filename!r:.80}, which leads out of it: pack it again"
                )
            if stat.S_ISLNK(one.external_attr >> 16):
                raise BadDataset(f"{source} has the link {one.filename!r:.80}: pack the file itself")
            if one.flag_bits & 1:
                raise BadDataset(f"{source} is encrypted: pack it without a password")
            if not one.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in path.parts):
                self.names[one.filename] = one.file_size
        _bound(source, self.names)

    def open(self, name: str) -> BinaryIO:
        return self._archive.open(name)  # type: ignore[return-value]


def _bound(source: Path, names: dict[str, int]) -> None:
    if len(names) > MOST_FILES or sum(names.values()) > MOST_BYTES:
        raise BadDataset(
            f"{source} has {len(names)} files of {sum(names.values()) / 1e9:.1f} GB; at most {MOST_FILES} "
            f"files of {MOST_BYTES >> 30} GiB are taken: remove some"
        )
