"""Lines of NAME=value that python-dotenv and ecosystem.config.js read alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

from logicnet.errors import SettingsError

_BARE = re.compile(r"[0-9A-Za-z_./:@%+,=~-]*")


def line(name: str, value: str) -> str:
    """One line. Raises SettingsError for a value that the two readers would read differently."""
    if _BARE.fullmatch(value):
        return f"{name}={value}"
    if value.isprintable() and "\\" not in value:
        for quote in ('"', "'"):
            if quote not in value:
                return f"{name}={quote}{value}{quote}"
    raise SettingsError(
        f"{name} cannot be written to .env: its value has both kinds of quotes, a backslash or a line break."
    )


def text(groups: Mapping[str, Mapping[str, str]]) -> str:
    """A file of named groups; empty groups are left out."""
    head = (
        "# Written by `logicnet init`. The miner reads LOGICNET_... and the keys, ecosystem.config.js all.\n"
        "# Flags override the environment, the environment this file. It may hold secrets: keep it private.\n"
    )
    parts = [
        "\n".join([f"# --- {title}", *(line(name, value) for name, value in group.items())])
        for title, group in groups.items()
        if group
    ]
    return "\n".join([head, "\n\n".join(parts), ""])
