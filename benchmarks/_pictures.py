"""Pictures of the console's page while a bench runs: by day, in the dark, and as wide as a phone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from _place import Place

from logicnet._util.processes import Child, free_port
from logicnet.operate.demo.stage import environment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.harness.browser import Browser

LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (390, False)}
"""Width in pixels, and whether it is dark."""

_DRAWN = (
    "document.querySelectorAll('.chart canvas').length == 2 && "
    "[...document.querySelectorAll('.chart')].every("
    "c => c.querySelector('canvas').clientWidth >= c.clientWidth - 1)"
)
_SETTLED_S = 1.5  # what had to move has moved
_NOTICED_S = 4.0  # what has just happened is known to the miner, and shown

Take = Callable[[str], Awaitable[None]]
"""Of a moment that begins now."""


async def no_picture(moment: str) -> None:
    """Nobody looks."""


@contextlib.asynccontextmanager
async def pictures(here: Place, folder: Path) -> AsyncIterator[Take]:
    """What takes the pictures of a moment: `folder`/stopped-dark.png. Each moment is taken once.

    Raises LogicnetError if `logicnet console` does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command, log = here.console_command(port), here.folder / "console.log"
    taken: set[str] = set()
    with Child.start("the console", command, log=log, cwd=here.folder, env=environment()) as console:
        await asyncio.to_thread(console.wait_for, url, within_s=60)
        async with Browser(here.folder) as tab:

            async def take(moment: str) -> None:
                if moment in taken:
                    return
                taken.add(moment)
                await asyncio.sleep(_NOTICED_S)
                for look, (width, dark) in LOOKS.items():
                    await tab.open(url, width=width, dark=dark)
                    await tab.until(_DRAWN)
                    await asyncio.sleep(_SETTLED_S)
                    await tab.picture(folder / f"{moment}-{look}.png")
                    print(f"          wrote {folder / f'{moment}-{look}.png'}", flush=True)

            yield take
