"""A real Chromium, headless, led over its DevTools protocol: pages that live, at any width, light or dark."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S = 120.0  # generous: the machine may be busy


def find_browser() -> str:
    """Its path. Raises FileNotFoundError if no browser is installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError("no Chromium on the PATH: `make test` sets it up")
    return found


class Refused(Exception):
    """The browser did not do it: for a script, it may be on its way from one page to the next."""


class Browser:
    """One tab. Use as `async with Browser(folder) as tab`."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "profile"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]
        flags += ["--remote-debugging-port=0", f"--user-data-dir={self._profile}", "--hide-scrollbars"]
        flags += ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
        self._process = subprocess.Popen(
            [find_browser(), *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = await self._port()
            self._session = aiohttp.ClientSession()
            self._socket = await self._session.ws_connect(await self._tab(port), max_msg_size=64 * 2**20)
            await self._ask("Page.enable")
            await self._ask("Emulation.setFocusEmulationEnabled", enabled=True)  # as the window in front
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Go there, in a window of that size, with what the reader prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self._ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._ask("Emulation.setEmulatedMedia", features=[scheme])
        await self._ask("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = await self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, script: str, within_s: float = START_S) -> Any:
        """Wait until an expression is true; its value."""
        end_s = time.monotonic() + within_s
        while True:
            found = None
            with suppress(Refused):
                found = await self.run(script)
            if found not in (None, False, 0, ""):  # an element comes as {}
                return found
            assert time.monotonic() < end_s, f"it never came to pass: {script}"
            await asyncio.sleep(0.05)

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """What is seen, as a PNG; with `whole` all of the page."""
        taken = await self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    async def _port(self) -> int:
        told = self._profile / "DevToolsActivePort"
        end_s = time.monotonic() + START_S
        while not (told.exists() and told.read_text().strip()):
            assert time.monotonic() < end_s, "the browser did not start"
            await asyncio.sleep(0.05)
        return int(told.read_text().split()[0])

    async def _tab(self, port: int) -> str:
        """Where its DevTools listen."""
        assert self._session is not None
        async with asyncio.timeout(START_S):
            while True:
                async with self._session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                    for tab in await reply.json():
                        if tab["type"] == "page":
                            return str(tab["webSocketDebuggerUrl"])
                await asyncio.sleep(0.05)

    async def _ask(self, method: str, **params: Any) -> Any:
        assert self._socket is not None
        number = next(self._numbers)
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = await self._socket.receive_json(timeout=START_S)
            if message.get("id") == number:
                if "error" in message:
                    raise Refused(f"{method}: {message['error']}")
                return message["result"]

    async def _end(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, 10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
