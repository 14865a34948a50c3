"""Can the miner sign, and can anybody else? The content of a key is never shown."""

import asyncio
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from logicnet.config.started import env_file_values
from logicnet.errors import SettingsError
from logicnet.operate.doctor.context import Context, Finding, error, ok, warning
from logicnet.operate.doctor.pm2 import Pm2

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITERS = stat.S_IWGRP | stat.S_IWOTH
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD")  # endings of names of secret variables
_FILLED = re.compile(r'"([A-Za-z_]\w*)"\s*:\s*"[^"]')
_SPENDS = "Other users can read the key and spend with it."


def is_secret(name: str) -> bool:
    upper = name.upper()
    return upper.endswith(_SECRETS) and not upper.endswith("HOTKEY")  # the name of a hotkey is public


async def check(context: Context) -> Sequence[Finding]:
    try:
        found = [ok(f"The hotkey {await context.hotkey()} can be read and signs.")]
    except SettingsError as failure:
        mend = "Restore the file, or name another: --wallet.path, --wallet.name, --wallet.hotkey."
        found = [error(str(failure), "The miner does not start without its hotkey.", mend)]
    return [*found, *await asyncio.to_thread(lambda: list(_files(context)))]


def _files(context: Context) -> Iterator[Finding]:
    wallet = context.settings.wallet
    folder = wallet.path.expanduser() / wallet.name
    for file in (folder / "hotkeys" / wallet.hotkey, folder / "coldkey"):
        if _mode(file) & _OTHERS:
            yield error(
                f"{file} is open to other users of this machine ({_mode(file):o}).",
                "Other users can mine or spend in your name.",
                f"chmod 600 {file}",
            )
    for path in (folder, folder / "hotkeys"):
        if _mode(path) & _WRITERS:
            yield error(
                f"Other users of this machine can change the folder {path} ({_mode(path):o}).",
                "They can replace your key by another.",
                f"chmod 700 {path}",
            )
    yield from _coldkey(folder / "coldkey")
    env = context.folder / ".env"
    if _mode(env) & _OTHERS and any(map(is_secret, env_file_values(env))):
        what = f"{env} holds keys and is open to other users of this machine ({_mode(env):o})."
        yield warning(what, _SPENDS, f"chmod 600 {env}")
    saved = Pm2.of(context.system).home / "dump.pm2"
    if is_world_readable(saved) and _holds_secrets(saved):
        yield warning(
            f"{saved} holds the environment that pm2 saved, with keys, and every user of this machine can "
            f"read it ({_mode(saved):o}).",
            _SPENDS,
            f"chmod 700 {saved.parent}",  # `pm2 save` writes the file again, with its usual mode
        )


def is_world_readable(file: Path) -> bool:
    """Whether every user can read it: by its own mode, and by those of its parents."""
    reachable = all(_mode(folder) & stat.S_IXOTH for folder in file.absolute().parents)
    return bool(reachable and _mode(file) & stat.S_IROTH)


def _holds_secrets(file: Path) -> bool:
    """Whether a JSON text has a secret variable with a value."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return False
    return any(map(is_secret, _FILLED.findall(text)))


def _coldkey(file: Path) -> Iterator[Finding]:
    """The miner does not need the coldkey; without a password it is the stake of any intruder."""
    try:
        from bittensor.keyfiles import Keyfile, KeyfileError  # noqa: PLC0415 (a third of a second)

        if not file.is_file() or Keyfile(file).is_encrypted():
            return
    except (OSError, KeyfileError, ValueError):  # a public half is JSON too, and harmless
        return
    yield warning(
        f"The coldkey {file} has no password.",
        "An intruder on this machine can move your stake. Mining needs the hotkey alone.",
        "Keep the coldkey on another machine (coldkeypub.txt is enough here), or give it a password.",
    )


def _mode(path: Path) -> int:
    """Its permissions; 0 if it does not exist or cannot be read."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
