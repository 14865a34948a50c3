"""Alerts as an operator gets them: a real console, real receivers on the loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.test_console import console
from tests.harness.receiver import json_receiver

PUSHED_S = 240.0  # an alert has to last half a minute; the rest is for a busy machine


async def test_the_console_pushes_an_alert_once_while_another_receiver_hangs(tmp_path: Path) -> None:
    with json_receiver() as receiver, json_receiver() as hanging:
        hanging.hangs = True
        notify = f"{hanging.url},{receiver.url}"
        with console(tmp_path / "ledger.sqlite", tmp_path, LOGICNET_CONSOLE__NOTIFY=notify):
            for _ in range(2):  # that there is no ledger, and no miner
                assert await asyncio.to_thread(receiver.asked.acquire, timeout=PUSHED_S)
            assert await asyncio.to_thread(hanging.asked.acquire, timeout=PUSHED_S)
    assert [one["title"] for one in receiver.messages] == ["logicnet ledger: alert"] * 2
    said = "".join(one["message"] for one in receiver.messages)
    assert "No miner that writes" in said and "There is no ledger at" in said
    assert "secret-path" not in (tmp_path / "console.log").read_text()
