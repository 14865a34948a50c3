"""`logicnet doctor`, from the words of the command line to its exit status."""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from logicnet.config import read
from logicnet.operate.demo.stage import hotkey
from logicnet.operate.doctor.run import run
from tests.harness.quiet import logging_put_back
from tests.unit.operate.doctor.healthy import SetUp

SECRET = "sk-TOPSECRET-0123456789"


async def test_a_report_holds_no_secret(
    setup: SetUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env = setup.folder / ".env"
    env.write_text(f"OPENAI_API_KEY={SECRET}\nVLLM_API_KEY=vllm-{SECRET}\n")
    monkeypatch.chdir(setup.folder)
    setup.model.key = "another"  # the server quotes the one that it got
    setup.environ = {"HF_TOKEN": "hf_in_the_environment"}
    config = read([*setup.argv, "--miner.category", "hf_in_the_environment"], {}, env)
    with logging_put_back():
        status = await asyncio.to_thread(run, config, Console(width=80), system=setup.system)
        as_shown = capsys.readouterr()
        again = await asyncio.to_thread(run, config, Console(width=80), json=True, system=setup.system)
    as_json = capsys.readouterr()
    assert status == again == json.loads(as_json.out)["status"] == 4
    for text in (as_shown.out, as_shown.err, as_json.out, as_json.err):
        assert "TOPSECRET" not in text
        assert "hf_in" not in text
    assert "refuses the key" in " ".join(as_shown.out.split())
    assert as_shown.err == ""


@pytest.mark.thorough
async def test_a_look_up_that_hangs_does_not_hold_up_the_report(
    setup: SetUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told, ended = threading.Event(), threading.Event()
    usual = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        if host in ("gpu.example", b"gpu.example"):  # anyio asks with bytes
            told.wait(120)
            ended.set()
        return usual(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.chdir(setup.folder)
    importlib.import_module("openai")  # not within that time
    setup.timeouts = replace(setup.timeouts, model_s=4.0)
    config = read(
        [*setup.argv, "--miner.llm_client.base_url", "http://gpu.example:8000/v1"], {}, Path(".env")
    )
    with logging_put_back():
        await asyncio.to_thread(run, config, Console(width=80), system=setup.system)
    assert not ended.is_set()
    told.set()
    assert "gpu.example:8000 does not answer" in " ".join(capsys.readouterr().out.split())


async def test_the_miners_of_several_hotkeys_are_looked_at_together(
    setup: SetUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (setup.folder / ".env").write_text("SN35_HOTKEYS=miner,second\n")
    (setup.wallets / "demo" / "coldkeypub.txt").unlink()
    hotkey(setup.wallets, "second")
    monkeypatch.chdir(setup.folder)
    env = setup.folder / ".env"
    own = ["--wallet.hotkey", "second", "--ledger.path", "second.sqlite"]
    first, second = (read([*setup.argv, *words], {}, env) for words in ([], own))
    with logging_put_back():
        status = await asyncio.to_thread(
            lambda: run(first, Console(width=80), others=[second], json=True, system=setup.system)
        )
    found = json.loads(capsys.readouterr().out)
    assert status == 4
    rows = {(one["check"], one["severity"]): one for one in found["findings"]}
    assert ("settings", "ok") in rows  # once: it is the same for both
    assert not any(check.startswith("settings ") for check, _ in rows)
    assert rows["registration second", "error"]
    assert ("registration miner", "ok") in rows
    assert "sn35-miner-second" in rows["boot second", "error"]["what"]
