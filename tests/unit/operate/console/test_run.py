from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from logicnet import cli
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.console.page import serve
from logicnet.operate.console.run import password_of
from logicnet.operate.console.source import MinerSource
from logicnet.settings import ConsoleSettings, Settings
from logicnet.tuning.folders import Folders


def settings(**console: object) -> Settings:
    return Settings(console=ConsoleSettings(**console))  # type: ignore[arg-type]


def test_loopback_needs_no_password_and_others_do() -> None:
    assert password_of(settings()) is None
    with pytest.raises(
        SettingsError, match=r"--console\.host 0\.0\.0\.0 opens the page to other machines: set LOGICNET_"
    ):
        password_of(settings(host="0.0.0.0"))
    with pytest.raises(SettingsError, match=r"--console\.proxy 127\.0\.0\.1 opens the page to"):
        password_of(settings(proxy="127.0.0.1"))
    password = "twelve chars"
    given = settings(host="0.0.0.0", password=SecretStr(password.replace(" ", "-")))
    assert password_of(given) == "twelve-chars"


def test_a_short_password_is_none() -> None:
    with pytest.raises(SettingsError, match="needs 12 or more"):
        password_of(settings(password=SecretStr("secret")))


def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as taken,
        MinerSource(tmp_path / "l.sqlite") as source,
    ):
        port = taken.getsockname()[1]
        with pytest.raises(
            LogicnetError, match=f"port {port} .Address already in use.; set --console"
        ) as caught:
            serve(source, Folders(tmp_path), host="127.0.0.1", port=port, proxy=None, password=None)
    assert "\n" not in str(caught.value)


def test_top_takes_one_look_in_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = tmp_path / "l.sqlite"
    assert cli.main(["top", "--once", "--ledger.path", str(ledger)]) == 0
    out = capsys.readouterr().out
    assert "no miner is running" in out and "There is no ledger at" in out


def test_a_run_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["top", "--once", "--run", str(tmp_path)]) == 2
    assert "there is no run in" in capsys.readouterr().err
