"""Values as CSV holds them, harmless to the spreadsheet that opens it."""

import json
import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how one begins (owasp.org, CSV injection) ...
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|\.\d+)([eE][+-]?\d+)?")  # ... and what stays a number, as "-5"


def cell(value: object) -> object:
    """`value`; a dict as JSON, and text that a spreadsheet would compute behind an apostrophe."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value
