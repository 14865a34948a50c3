"""Small PNG files, written by the standard library."""

import json
import random
import struct
import zlib
from pathlib import Path

SIZE = 32


def png(rows: list[bytes]) -> bytes:
    """An RGB picture; each of `rows` has 3 bytes a pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def gradient(seed: int) -> bytes:
    """Two colours that run into each other, from left to right."""
    draw = random.Random(seed)
    first, last = ([draw.randrange(256) for _ in range(3)] for _ in range(2))
    row = bytes(a + (b - a) * x // (SIZE - 1) for x in range(SIZE) for a, b in zip(first, last, strict=True))
    return png([row] * SIZE)


def dataset(folder: Path, *, train: int = 6, validation: int = 2) -> None:
    """`train.jsonl`, `validation.jsonl` and the pictures that their rows name."""
    (folder / "pictures").mkdir(parents=True)
    for name, start, number in (("train", 0, train), ("validation", train, validation)):
        rows = [
            {"image": f"pictures/{n}.png", "caption": f"a fade {n}"} for n in range(start, start + number)
        ]
        for n, row in enumerate(rows, start):
            (folder / row["image"]).write_bytes(gradient(n))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
