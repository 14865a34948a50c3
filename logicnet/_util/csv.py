"""Values as CSV holds them, harmless to the spreadsheet that opens it."""

import json
import re
import unicodedata

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how one begins (owasp.org, CSV injection) ...
_NUMBER = re.compile(r"[+-]?(\d++(?:[.,]\d*+)?|\.\d++)([eE][+-]?\d+)?")  # ... and what stays a number: "-5"


def cell(value: object) -> object:
    """`value`; a dict as JSON, and text that a spreadsheet would compute behind an apostrophe."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _begins_formula(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value


def _begins_formula(text: str) -> bool:
    """Also by a wide sign such as U+FF1D, which spreadsheets of East Asia take for the plain one."""
    return unicodedata.normalize("NFKC", text[:1]).startswith(_FORMULA)
