"""A line of JSON from a file that anyone may have written: one object, that can be written again as it is."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def json_object(line: bytes) -> dict[str, Any]:
    """The fields of `line`. Raises ValueError with what it is not, in two or three words."""
    try:
        fields = json.loads(line, parse_constant=_no_number)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except UnicodeError:
        raise ValueError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")
