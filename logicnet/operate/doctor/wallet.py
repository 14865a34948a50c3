"""Wallet: can the miner sign, and can anybody else? Nothing of a key's content is shown."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from logicnet.config.started import kept
from logicnet.errors import SettingsError
from logicnet.operate.doctor.finding import Finding, error, ok, warning
from logicnet.operate.doctor.pm2 import Pm2
from logicnet.operate.doctor.site import Site

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITERS = stat.S_IWGRP | stat.S_IWOTH
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""How the names of variables end whose values are nobody's business."""

_FILLED = re.compile(r'"([A-Za-z_]\w*)"\s*:\s*"[^"]')


def is_secret(name: str) -> bool:
    upper = name.upper()
    return upper.endswith(_SECRETS) and not upper.endswith("HOTKEY")  # that names a key, and is none


async def look(site: Site) -> Sequence[Finding]:
    try:
        hotkey = await site.hotkey()
        found = [ok(f"The hotkey {hotkey} can be read and signs.")]
    except SettingsError as wrong:
        found = [
            error(
                str(wrong),
                "The miner does not start without its hotkey.",
                "Mend the file, or name another with --wallet.path, --wallet.name and --wallet.hotkey.",
            )
        ]
    return [*found, *await asyncio.to_thread(_files, site)]


def _files(site: Site) -> list[Finding]:
    wallet = site.settings.wallet
    folder = wallet.path.expanduser() / wallet.name
    found = []
    for file in (folder / "hotkeys" / wallet.hotkey, folder / "coldkey"):
        if _mode(file) & _OTHERS:
            found.append(
                error(
                    f"{file} is open to other users of this machine ({_mode(file):o}).",
                    "Who can read it can mine, or spend, in your name.",
                    f"chmod 600 {file}",
                )
            )
    for place in (folder, folder / "hotkeys"):
        if _mode(place) & _WRITERS:
            found.append(
                error(
                    f"Other users of this machine can change the folder {place} ({_mode(place):o}).",
                    "They can put another key in the place of yours.",
                    f"chmod 700 {place}",
                )
            )
    found += _coldkey(folder / "coldkey")
    env = site.folder / ".env"
    if _mode(env) & _OTHERS and any(map(is_secret, kept(env))):
        found.append(
            warning(
                f"{env} holds keys and is open to other users of this machine ({_mode(env):o}).",
                "Who reads a key can spend on it.",
                f"chmod 600 {env}",
            )
        )
    saved = Pm2.of(site.outside).home / "dump.pm2"
    if is_for_all(saved) and _names_secrets(saved):
        found.append(
            warning(
                f"{saved} holds the environment that pm2 saved, keys among it, and all users of this machine "
                f"can read it ({_mode(saved):o}).",
                "Who reads a key can spend on it.",
                f"chmod 700 {saved.parent}",  # `pm2 save` writes the file anew, open as before
            )
        )
    return found


def is_for_all(file: Path) -> bool:
    """Whether every user can read it: its own mode, and the way to it."""
    way = all(_mode(folder) & stat.S_IXOTH for folder in file.absolute().parents)
    return bool(way and _mode(file) & stat.S_IROTH)


def _names_secrets(file: Path) -> bool:
    """Whether a JSON text has a variable of a secret's name with something in it. Which, nobody is told."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return False
    return any(map(is_secret, _FILLED.findall(text)))


def _coldkey(file: Path) -> list[Finding]:
    """The miner needs none; one without a password here is the stake of who breaks in."""
    try:
        from bittensor.keyfiles import Keyfile, KeyfileError  # noqa: PLC0415 (a third of a second)

        if not file.is_file() or Keyfile(file).is_encrypted():
            return []
        # A public half alone is JSON too, and no danger.
    except (OSError, KeyfileError, ValueError):
        return []
    return [
        warning(
            f"The coldkey {file} lies here without a password.",
            "Who breaks into this machine can move your stake. Mining needs the hotkey alone.",
            "Keep the coldkey elsewhere (coldkeypub.txt is enough here), or give it a password.",
        )
    ]


def _mode(path: Path) -> int:
    """Its permissions; none if it is not there, or not for us to see."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
