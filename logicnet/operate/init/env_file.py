"""EnvFile: lines of NAME=value that python-dotenv and ecosystem.config.js both read as they were meant."""

from __future__ import annotations

import re
from collections.abc import Mapping

from logicnet.errors import SettingsError

_BARE = re.compile(r"[0-9A-Za-z_./:@%+,=~-]*")


def line(name: str, value: str) -> str:
    """One line. Raises SettingsError for a value that the two readers would take differently."""
    if _BARE.fullmatch(value):
        return f"{name}={value}"
    if value.isprintable() and "\\" not in value:
        for quote in ('"', "'"):
            if quote not in value:
                return f"{name}={quote}{value}{quote}"
    raise SettingsError(
        f"{name} cannot be written to .env: it has both kinds of quotes, a backslash or a line break."
    )


def text(groups: Mapping[str, Mapping[str, str]]) -> str:
    """A file of named groups; empty ones are left out."""
    head = (
        "# Written by `logicnet init`. The miner reads LOGICNET_... and the keys, ecosystem.config.js all.\n"
        "# A flag beats the environment, the environment beats this file. Keep it to yourself.\n"
    )
    parts = [
        "\n".join([f"# --- {title}", *(line(name, value) for name, value in group.items())])
        for title, group in groups.items()
        if group
    ]
    return "\n".join([head, "\n\n".join(parts), ""])
