import os
from pathlib import Path

import bittensor
import pytest
from bittensor import sp_core
from bittensor.keyfiles import Keyfile
from bittensor.sp_core import Keypair

from logicnet.chain import load_hotkey
from logicnet.errors import SettingsError
from logicnet.settings import WalletSettings

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

ADDRESS = Keypair.create_from_uri("//Miner").ss58_address


@pytest.fixture
def wallets(tmp_path: Path) -> Path:
    for hotkey in ("first", "second"):
        made = bittensor.Wallet("owner", hotkey, path=str(tmp_path))
        made.create_new_hotkey(suppress=True)
    return tmp_path


def wallet(wallets: Path, name: str = "owner", hotkey: str = "first") -> WalletSettings:
    return WalletSettings(name=name, hotkey=hotkey, path=wallets)


def test_a_hotkey_is_loaded_and_signs_without_a_coldkey(wallets: Path, said: list[str]) -> None:
    keypair = load_hotkey(wallet(wallets))
    signature = bytes(keypair.sign(b"hello"))
    assert sp_core.verify(b"hello", signature, keypair.ss58_address, 1)
    assert said == []


def test_the_folder_may_begin_with_a_tilde(wallets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(wallets.parent))
    assert load_hotkey(wallet(Path("~") / wallets.name)).ss58_address


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--wallet\.path: there is no folder .*/none\. Create .*btcli"):
        load_hotkey(wallet(tmp_path / "none"))


@pytest.mark.parametrize(
    ("name", "hotkey", "told"),
    [
        ("ownr", "first", r"--wallet\.name: no wallet 'ownr' in .*; found owner; did you mean 'owner'\?$"),
        ("xyz", "first", r"--wallet\.name: no wallet 'xyz' in .*; found owner\.$"),
        (
            "owner",
            "frist",
            r"--wallet\.hotkey: no hotkey 'frist' .* found first, second; did you mean 'first'\?$",
        ),
        ("owner", "firstpub", r"--wallet\.hotkey: no hotkey 'firstpub' in "),
    ],
)
def test_a_wrong_name_is_told_with_those_there_are(wallets: Path, name: str, hotkey: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_hotkey(wallet(wallets, name, hotkey))


def test_an_empty_wallet_folder_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"it holds none\. Create one with `btcli wallet create`"):
        load_hotkey(wallet(tmp_path))
    (tmp_path / "owner").mkdir()
    with pytest.raises(SettingsError, match=r"--wallet\.hotkey: .* it holds none"):
        load_hotkey(wallet(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage SECRET",
        b"\xff\xfe\x00",
        b"{}",
        b"[1, 2]",
        b'{"secretSeed": "0x00SECRET"}',
        b'{"ss58Address": "%s"}' % ADDRESS.encode(),  # a public half only
    ],
)
def test_a_broken_key_file_is_told_and_not_quoted(wallets: Path, content: bytes) -> None:
    file = wallets / "owner/hotkeys/first"
    file.write_bytes(content)
    with pytest.raises(
        SettingsError, match=r"holds no private key: restore it .*btcli wallet regen-hotkey"
    ) as e:
        load_hotkey(wallet(wallets))
    assert "\n" not in str(e.value) and "SECRET" not in str(e.value)


def test_a_key_file_that_cannot_be_read_is_told(wallets: Path) -> None:
    file = wallets / "owner/hotkeys/first"
    file.unlink()
    file.symlink_to("/proc/self/mem")  # opens, and then fails, for root as well
    with pytest.raises(SettingsError, match=r"cannot be read \(Input/output error\): make it readable"):
        load_hotkey(wallet(wallets))


def test_a_key_file_open_to_others_is_loaded_with_a_warning(wallets: Path, said: list[str]) -> None:
    file = wallets / "owner/hotkeys/first"
    file.chmod(0o640)
    load_hotkey(wallet(wallets))
    assert said == [f"WARNING Other users of this machine can read the hotkey file {file}: chmod 600 it."]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A hotkey's file under the password "right". Made once: the encryption takes two seconds."""
    folder = tmp_path_factory.mktemp("locked")
    made = bittensor.Wallet("owner", "locked", path=str(folder))
    made.create_new_hotkey(suppress=True, hotkey_password="right")
    return (folder / "owner/hotkeys/locked").read_bytes()


@pytest.fixture
def encrypted(wallets: Path, locked: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = wallets / "owner/hotkeys/locked"
    file.write_bytes(locked)
    file.chmod(0o600)

    def asked(*_: object, **__: object) -> str:
        raise AssertionError("the operator was asked for a password")

    monkeypatch.setattr("bittensor.keyfiles.masked_input", asked)
    return wallets


def test_an_encrypted_hotkey_is_told_and_nobody_is_asked(encrypted: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"'locked' is encrypted.*rewrite it without one \(`btcli wallet regen"
    ):
        load_hotkey(wallet(encrypted, hotkey="locked"))


def test_an_encrypted_hotkey_opens_with_the_password_that_bittensor_left_in_the_environment(
    encrypted: Path,
) -> None:
    variable = Keyfile(encrypted / "owner/hotkeys/locked").save_password_to_env("right")
    try:
        assert load_hotkey(wallet(encrypted, hotkey="locked")).ss58_address
    finally:
        os.unsetenv(variable)  # it was set below Python, where os.environ does not look


def test_a_password_variable_that_is_none_is_told(encrypted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = Keyfile(encrypted / "owner/hotkeys/locked").env_var_name()
    monkeypatch.setenv(variable, "not base64!")
    with pytest.raises(SettingsError, match=f"the password in {variable} is wrong"):
        load_hotkey(wallet(encrypted, hotkey="locked"))
