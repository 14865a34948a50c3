from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from logicnet import cli
from logicnet.config.started import as_started, others_started
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.console.page import serve
from logicnet.operate.console.run import other_miners, password_of, source_of
from logicnet.operate.console.source import MinerSource
from logicnet.settings import ConsoleSettings, Settings
from logicnet.tuning.folders import Folders
from tests.harness.quiet import logging_put_back


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


def test_the_miners_of_all_hotkeys_are_watched_each_by_the_name_of_its_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SN35_HOTKEYS", "LOGICNET_LEDGER__PATH"):
        monkeypatch.delenv(name, raising=False)
    ledgers = [tmp_path / f"l{end}.sqlite" for end in ("", "-b", "-c")]
    (tmp_path / ".env").write_text(
        f"SN35_HOTKEYS=a,b,c\nLOGICNET_WALLET__HOTKEY=a\nLOGICNET_LEDGER__PATH={ledgers[0]}\n"
    )
    own, others = as_started([]).settings, [one.settings for one in others_started([])]
    assert other_miners(own, others) == [(ledgers[1], "sn35-miner-b"), (ledgers[2], "sn35-miner-c")]
    with source_of(own, ()) as source:
        mends = [one.mend for one in source.snapshot().alerts]
    assert "Start it: `logicnet mine`, or `npx pm2 restart sn35-miner-a`; then see its log." in mends
    given: list[list[tuple[Path, str]]] = []
    monkeypatch.setattr(
        "logicnet.operate.console.run.run_console",
        lambda settings, _runs, started: given.append(other_miners(settings, started)),
    )
    with logging_put_back():
        assert cli.main(["console"]) == 0
    assert given == [other_miners(own, others)]
    also = f"{tmp_path / 'far.sqlite'},{ledgers[2]}"
    named = as_started(["--console.also", also]).settings
    assert other_miners(named, others) == [(tmp_path / "far.sqlite", ""), (ledgers[2], "sn35-miner-c")]
