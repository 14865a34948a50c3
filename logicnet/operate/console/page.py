"""The page, on NiceGUI: what `panels` says, put up once and renewed every second over a live connection.

One look a second serves every browser that has the page open, and none is taken while nobody has.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from loguru import logger

from logicnet.errors import LogicnetError
from logicnet.operate.console import panels
from logicnet.operate.console.gate import gate
from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource

EVERY_S = 1.0


class Watch:
    """The last look, shared by all who have the page open."""

    def __init__(self, source: MinerSource) -> None:
        self._source = source
        self._look: asyncio.Task[Snapshot] | None = None
        self._looked_s = float("-inf")

    async def seen(self) -> Snapshot:
        """A look that is no older than `EVERY_S`, or nearly so."""
        old = time.monotonic() - self._looked_s > 0.8 * EVERY_S
        if self._look is None or (self._look.done() and old):
            self._look = asyncio.create_task(self._take())
        # A browser that leaves gives up its own waiting, and not the look: the next would run beside it.
        return await asyncio.shield(self._look)

    async def _take(self) -> Snapshot:
        try:
            return await asyncio.to_thread(self._source.look)
        finally:
            self._looked_s = time.monotonic()


def serve(source: MinerSource, *, host: str, port: int, proxy: str | None, password: str | None) -> None:
    """Until Ctrl-C. Raises LogicnetError if the address cannot be had.

    `proxy` is whose X-Forwarded-For is believed. Anybody else could name a new address with each guess.
    """
    _check_free(host, port)
    from nicegui import app, ui  # noqa: PLC0415 (a second of importing)

    app.add_middleware(gate, password=password, host=host)
    watch = Watch(source)

    @ui.page("/", title="logicnet")
    async def index() -> None:
        await _put_up(watch)

    where = "<this machine>" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    logger.info("The console is at http://{}:{}/. Stop with Ctrl-C.", where, port)
    ui.run(
        host=host,
        port=port,
        title="logicnet",
        favicon="\N{ABACUS}",
        dark=None,
        reload=False,
        show=False,
        show_welcome_message=False,
        uvicorn_logging_level="error",
        reconnect_timeout=30.0,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
    )


async def _put_up(watch: Watch) -> None:
    """The page of one browser, and what renews it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    ui.add_css((files("logicnet.operate.console") / "page.css").read_text(encoding="utf-8"))
    parts: list[Callable[[Snapshot], None]] = []
    charts: list[Any] = []

    def text(make: Callable[[Snapshot], str], classes: str) -> None:
        shown = ui.html("", sanitize=False).classes(classes)  # `panels` escapes every word

        def renew(seen: Snapshot) -> None:
            shown.set_content(make(seen))

        parts.append(renew)

    def panel(
        title: str,
        make: Callable[[Snapshot], str],
        name: str,
        rest: Callable[[Snapshot], panels.Rest] | None = None,
    ) -> None:
        with ui.element("section").classes("panel").props(f'id="{name}"'):
            _title(title)
            text(make, "")
            if rest is not None:
                parts.append(_Fold(rest, watch).renew)

    def chart(title: str, make: Callable[[Snapshot], dict[str, Any]], name: str) -> None:
        with ui.element("section").classes("panel").props(f'id="{name}"'):
            _title(title)
            if name == "trend":
                text(panels.trend_words, "empty")
            drawn = ui.echart({}).classes("chart")
            charts.append(drawn)
        parts.append(lambda seen: _draw(drawn, make(seen)))

    with ui.element("main").classes("page"):
        text(panels.head, "head wide")
        text(panels.figures, "figures wide")
        text(panels.concerns, "concerns wide")
        with ui.element("div").classes("stack"):
            panel("Being solved", panels.solving, "solving", panels.rest_of_solving)
            chart("Seconds and correctness", panels.trend, "trend")
            panel("Answers of the last hour", panels.answers, "answers", panels.rest_of_answers)
        with ui.element("div").classes("stack"):
            panel("Models", panels.servers, "servers")
            panel("Volume by validator", panels.volume, "volume", panels.rest_of_volume)
            chart("Place in the network", panels.ranks, "ranks")
            panel("Refused in the last hour", panels.refusals, "refusals")

    async def renew() -> None:
        seen = await watch.seen()
        for part in parts:
            part(seen)

    def fit() -> None:
        """A chart that was measured before the page had its layout would stay as narrow as it was then."""
        for drawn in charts:
            drawn.run_chart_method("resize")

    await renew()
    ui.timer(EVERY_S, renew)
    for after_s in (0.5, 1.0, 2.0, 4.0, 8.0):  # a busy machine is slow to have it
        ui.timer(after_s, fit, once=True)


class _Fold:
    """The rest of a list, folded. It is made and sent only while it is open."""

    def __init__(self, make: Callable[[Snapshot], panels.Rest], watch: Watch) -> None:
        from nicegui import ui  # noqa: PLC0415 (see `serve`)

        self._make = make
        self._watch = watch
        self._open = False
        with ui.element("details") as self._details:
            self._count = ui.html("", sanitize=False, tag="summary")
            self._rows = ui.html("", sanitize=False)
        self._details.on("toggle", self._toggled, js_handler="(event) => emit(event.target.open)")

    def renew(self, seen: Snapshot) -> None:
        count, rows = self._make(seen)
        self._details.set_visibility(count > 0)
        self._count.set_content(f"and {count} more")
        self._rows.set_content(rows() if self._open else "")

    async def _toggled(self, event: Any) -> None:
        self._open = event.args
        self.renew(await self._watch.seen())


def _title(text: str) -> None:
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    with ui.element("h2"):
        ui.label(text)


def _draw(chart: Any, options: dict[str, Any]) -> None:
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise LogicnetError(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno) if error.errno else error}); "
            "give another --console.host or --console.port"
        ) from None
