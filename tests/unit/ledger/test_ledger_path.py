from pathlib import Path

import pytest

from logicnet.ledger import ledger_path
from logicnet.settings import LedgerSettings, Settings, WalletSettings


def test_each_wallet_and_hotkey_has_a_ledger_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings(wallet=WalletSettings(name="w", hotkey="h"))
    assert ledger_path(settings) == tmp_path / ".logicnet" / "w-h.sqlite"


def test_the_path_that_was_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ledger_path(Settings(ledger=LedgerSettings(path=Path("~/l.sqlite")))) == tmp_path / "l.sqlite"
