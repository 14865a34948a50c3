"""Takes the pictures of the console in docs/: `python -m tests.pictures`. All numbers in them are made up."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from PIL import Image

from tests.e2e.test_console import console
from tests.harness.browser import Browser
from tests.unit.operate.console.live import WHOLE, living

DOCS = Path(__file__).parents[1] / "docs"
READY = (
    "document.querySelectorAll('#solving .one').length > 3 "
    "&& document.querySelectorAll('.chart canvas').length == 2"
)


async def take(folder: Path) -> None:
    with living(folder / "miner.sqlite") as ledger, console(ledger, folder) as url:
        async with Browser(folder) as tab:
            for name, width, dark in (("light", 1280, False), ("dark", 1280, True), ("phone", 360, False)):
                await tab.open(url, width=width, dark=dark)
                await tab.until(READY)
                await asyncio.sleep(3)  # the charts fit themselves to the layout
                await keep(tab, name)
            await tab.open(f"{url}challenges/{WHOLE}")
            await tab.until("document.querySelector('#reward table')")
            await asyncio.sleep(1)
            await keep(tab, "challenge")


async def keep(tab: Browser, name: str) -> None:
    """With 256 colours: less than half of the bytes."""
    path = DOCS / f"console-{name}.png"
    await tab.picture(path)
    with Image.open(path) as taken:
        taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(take(Path(made)))
