"""load_hotkey: the private hotkey from the wallet folder, or a SettingsError that says what to do.

A miner runs unattended, so nothing here prompts for a password. No message holds a key or password.
"""

import difflib
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn, Protocol

from loguru import logger

from logicnet.errors import SettingsError
from logicnet.settings import WalletSettings


class Signer(Protocol):
    """A hotkey that can sign, as `bittensor.sp_core.Keypair` and `wallet.hotkey` do.

    Not the wallet itself: it reads its key file again for each signature.
    """

    @property
    def ss58_address(self) -> str: ...

    @property
    def public_key(self) -> bytes: ...

    @property
    def crypto_type(self) -> int: ...

    def sign(self, message: bytes) -> bytes: ...


class ReadOnlyKey:
    """In place of a key: nothing can be signed, so nothing can be changed on the chain."""

    crypto_type = 1

    @property
    def ss58_address(self) -> NoReturn:
        raise RuntimeError("this command only reads")

    @property
    def public_key(self) -> NoReturn:
        raise RuntimeError("this command only reads")

    def sign(self, payload: bytes) -> NoReturn:
        raise RuntimeError("this command only reads")


def load_hotkey(wallet: WalletSettings) -> Signer:
    """The private key at `PATH/NAME/hotkeys/HOTKEY`. Raises SettingsError."""
    try:
        file = _find(wallet)
        mode = file.stat().st_mode
        keypair = _read(file, wallet)
    except OSError as error:
        raise SettingsError(
            f"The hotkey {wallet.hotkey!r} of wallet {wallet.name!r} in {wallet.path} cannot be read "
            f"({error.strerror or error}): make it readable for the user that runs the miner."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        logger.warning("Other users of this machine can read the hotkey file {}: chmod 600 it.", file)
    return keypair


def _find(wallet: WalletSettings) -> Path:
    folder = wallet.path.expanduser()
    if not folder.is_dir():
        raise SettingsError(
            f"--wallet.path: there is no folder {folder}. "
            "Create a wallet with `btcli wallet create`, or name the folder that holds yours."
        )
    if not (folder / wallet.name).is_dir():
        wallets = (path.name for path in folder.iterdir() if path.is_dir())
        raise SettingsError(f"--wallet.name: no wallet {_not_found(wallet.name, folder, wallets)}")
    hotkeys = folder / wallet.name / "hotkeys"
    file = hotkeys / wallet.hotkey
    if not file.is_file():
        public = (".txt", ".tmp")  # the public halves, and half-written files
        names = (p.name for p in hotkeys.glob("*") if p.is_file() and p.suffix not in public)
        raise SettingsError(f"--wallet.hotkey: no hotkey {_not_found(wallet.hotkey, hotkeys, names)}")
    return file


def _not_found(wanted: str, folder: Path, names: Iterable[str]) -> str:
    where, known = f"{wanted!r} in {folder}", sorted(names)
    if not known:
        return f"{where}; it holds none. Create one with `btcli wallet create`."
    nearest = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    return f"{where}; found {', '.join(known[:10])}{' and more' if len(known) > 10 else ''}{hint}"


def _read(file: Path, wallet: WalletSettings) -> Signer:
    from bittensor.keyfiles import (  # noqa: PLC0415 (a third of a second)
        Keyfile,
        KeyfileError,
        resolve_key_password,
    )

    keyfile = Keyfile(file)
    file.open("rb").close()  # Keyfile treats an unreadable file as an unencrypted key
    encrypted = keyfile.is_encrypted()
    variable = keyfile.env_var_name()
    try:
        password = resolve_key_password(env_var_name=variable, allow_prompt=False) if encrypted else None
        if encrypted and password is None:
            raise SettingsError(
                f"The hotkey {wallet.hotkey!r} is encrypted, and a miner cannot prompt for a password: "
                f"rewrite it without one ({_regenerate(wallet)})."
            )
        keypair: Signer = keyfile.get_keypair(password)
        keypair.sign(b"can it sign?")
    except (KeyfileError, ValueError) as error:
        if encrypted:
            raise SettingsError(
                f"The hotkey {wallet.hotkey!r} is encrypted, and the password in {variable} is wrong."
            ) from None
        # Not the library's words: they may quote the file.
        raise SettingsError(
            f"The hotkey file {file} holds no private key: restore it from a backup or its mnemonic "
            f"({_regenerate(wallet)})."
        ) from error
    return keypair


def _regenerate(wallet: WalletSettings) -> str:
    return f"`btcli wallet regen-hotkey -w {wallet.name} -H {wallet.hotkey} --overwrite`"
