"""Text of strangers, made safe to show on a terminal or a page, and easier to read."""

import json
import re
from typing import Any

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def one_line(text: str, most: int | None = None) -> str:
    """`text` on one line, without control characters; cut to `most` characters with an ellipsis."""
    if most is not None:
        text = text[: 2 * most]  # bounds the work; white space may shrink what is left
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if most is None or len(plain) <= most else plain[: most - 1] + "…"


def without_thousands(text: str) -> str:
    """`text` with 1,080 written as 1080."""
    return _THOUSANDS.sub("", text)


def json_line(value: Any) -> str:
    """`value` as JSON on one line. What is not printable is escaped: a terminal would obey it."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
