"""Output on terminals that cannot show every character (LC_ALL=C, an old console)."""

# ruff: noqa: RUF001

import codecs
import io
import sys

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("–—−‐‑", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("━─═", "="),
        **dict.fromkeys("│┃║", "|"),
        **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
        **{"…": ".", "×": "x", "·": ".", "•": "*", "≤": "<", "≥": ">", "→": ">", "←": "<", "✓": "v"},
    }
)  # each by one character, so that columns stay aligned


def _alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end].translate(_ALIKE)
    return "".join(one if one.isascii() else "?" for one in wrong), error.end


def print_anything() -> None:
    """From now on, what the terminal cannot show is printed as something alike, or as a question mark."""
    codecs.register_error("alike", _alike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="alike")
