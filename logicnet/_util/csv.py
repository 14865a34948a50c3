"""Values as CSV holds them, harmless to the spreadsheet that opens it."""

import json
import re

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|\.\d+)([eE][+-]?\d+)?")


def cell(value: object) -> object:
    """`value`; a dict as JSON, and text that a spreadsheet would compute behind an apostrophe."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    """No formula (owasp.org, CSV injection); "-5" is a number and stays one."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and not _NUMBER.fullmatch(text):
        return "'" + text
    return text
