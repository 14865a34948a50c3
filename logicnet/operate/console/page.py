"""The page, on NiceGUI: it renders `panels` and updates them every second over a live connection.

One snapshot a second serves every browser that has the page open; without a browser none is taken.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from loguru import logger

from logicnet._util.net import require_free
from logicnet.errors import LogicnetError
from logicnet.operate.console import adapters, jobs, panels
from logicnet.operate.console.gate import gate
from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import AdapterState
from logicnet.tuning.progress import Progress

EVERY_S = 1.0


class SharedSnapshot:
    """The latest snapshot, shared by all browsers."""

    def __init__(self, source: MinerSource) -> None:
        self._source = source
        self._taking: asyncio.Task[Snapshot] | None = None
        self._taken_s = float("-inf")

    async def latest(self) -> Snapshot:
        """A snapshot that is not older than `EVERY_S`."""
        old = time.monotonic() - self._taken_s > 0.8 * EVERY_S
        if self._taking is None or (self._taking.done() and old):
            self._taking = asyncio.create_task(self._take())
        # Shielded: a browser that leaves must not cancel it, or the next would run beside the old thread.
        return await asyncio.shield(self._taking)

    async def _take(self) -> Snapshot:
        try:
            return await asyncio.to_thread(self._source.snapshot)
        finally:
            self._taken_s = time.monotonic()


def serve(
    source: MinerSource,
    folders: Folders,
    *,
    host: str,
    port: int,
    proxy: str | None,
    password: str | None,
    roll_back: Callable[[], object] | None = None,
) -> None:
    """Until Ctrl-C. `folders` hold training jobs. Raises LogicnetError if the address cannot be bound.

    `roll_back` takes the serving adapter back; it blocks, and raises LogicnetError. Without a password the
    page has no button for it.

    X-Forwarded-For is accepted from `proxy` alone: with it, anybody could guess from a new address each time.
    """
    require_free(host, port, "--console")
    from nicegui import app, ui  # noqa: PLC0415 (a second of importing)

    app.add_middleware(gate, password=password, host=host)
    shared = SharedSnapshot(source)

    @ui.page("/", title="logicnet")
    async def index() -> None:
        await _build(shared)

    @ui.page("/jobs", title="logicnet: training jobs")
    async def training_jobs(job: str | None = None) -> None:
        await _build_jobs(folders, job)

    @ui.page("/adapters", title="logicnet: adapters")
    async def all_adapters() -> None:
        await _build_adapters(folders, roll_back if password is not None else None)

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


async def _build(shared: SharedSnapshot) -> None:
    """The page of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    _style()
    parts: list[Callable[[Snapshot], object]] = []
    charts: list[Any] = []

    def text(make: Callable[[Snapshot], str], classes: str) -> None:
        shown = ui.html("", sanitize=False).classes(classes)  # `panels` escapes every word
        parts.append(lambda now: shown.set_content(make(now)))

    @contextmanager
    def section(title: str, name: str) -> Iterator[None]:
        with ui.element("section").classes("panel").props(f'id="{name}"'):
            with ui.element("h2"):
                ui.label(title)
            yield

    def panel(
        title: str,
        make: Callable[[Snapshot], str],
        name: str,
        rest: Callable[[Snapshot], panels.Rest] | None = None,
    ) -> None:
        with section(title, name):
            text(make, "")
            if rest is not None:
                parts.append(_Fold(rest, shared).update)

    def chart(title: str, make: Callable[[Snapshot], dict[str, Any]], name: str) -> None:
        with section(title, name):
            if name == "trend":
                text(panels.trend_words, "empty")
            drawn = ui.echart({}).classes("chart")
            charts.append(drawn)
        parts.append(lambda now: _draw(drawn, make(now)))

    with ui.element("main").classes("page"):
        _navigation("miner")
        text(panels.head, "head wide")
        text(panels.figures, "figures wide")
        text(panels.alerts, "alerts wide")
        with ui.element("div").classes("stack"):
            panel("In flight", panels.solving, "solving", panels.rest_of_solving)
            chart("Seconds and correctness", panels.trend, "trend")
            panel("Answers of the last hour", panels.answers, "answers", panels.rest_of_answers)
        with ui.element("div").classes("stack"):
            panel("Models", panels.servers, "servers")
            panel("Volume by validator", panels.volume, "volume", panels.rest_of_volume)
            chart("Rank in the network", panels.ranks, "ranks")
            panel("Refused in the last hour", panels.refusals, "refusals")

    async def update() -> None:
        now = await shared.latest()
        for part in parts:
            part(now)

    def fit() -> None:
        """A chart that was drawn before the layout was done keeps its first width."""
        for drawn in charts:
            drawn.run_chart_method("resize")

    await update()
    ui.timer(EVERY_S, update)
    for after_s in (0.5, 1.0, 2.0, 4.0, 8.0):  # the layout takes longer on a busy machine
        ui.timer(after_s, fit, once=True)


async def _build_jobs(folders: Folders, job_id: str | None) -> None:
    """The page of training jobs of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    _style()
    with ui.element("main").classes("page"):
        _navigation("jobs")
        with ui.element("section").classes("panel wide").props('id="queue"'):
            queue = ui.html("", sanitize=False)  # `jobs` escapes every word
        with ui.element("section").classes("panel wide").props('id="job"'):
            about = ui.html("", sanitize=False)
            drawn = ui.echart({}).classes("chart")

    known: dict[str, Progress] = {}  # each second only what was appended is read

    async def update() -> None:
        now = await asyncio.to_thread(jobs.snapshot, folders, known)
        queue.set_content(jobs.queue(now))
        about.set_content(jobs.about(now, job_id))
        _draw(drawn, jobs.losses(now, job_id))

    await update()
    ui.timer(EVERY_S, update)


async def _build_adapters(folders: Folders, roll_back: Callable[[], object] | None) -> None:
    """The page of adapters of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    _style()
    with ui.element("main").classes("page"):
        _navigation("adapters")
        with ui.element("section").classes("panel wide").props('id="serving"'):
            serving = ui.html("", sanitize=False)  # `adapters` escapes every word
            button = None if roll_back is None else ui.button("Roll back").props("flat no-caps")
        with ui.element("section").classes("panel wide").props('id="adapters"'):
            table = ui.html("", sanitize=False)
        with ui.element("section").classes("panel wide").props('id="rewards"'):
            drawn = ui.echart({}).classes("chart")

    async def update() -> None:
        now = await asyncio.to_thread(adapters.snapshot, folders.adapters())
        serving.set_content(adapters.serving(now))
        table.set_content(adapters.table(now))
        _draw(drawn, adapters.rewards(now))
        if button is not None:
            button.set_visibility(now.in_state(AdapterState.SERVING) is not None)

    if button is not None and roll_back is not None:
        _on_second_click(button, roll_back)
    await update()
    ui.timer(EVERY_S, update)


_SURE_S = 10.0  # in which a second click acts
_DOUBLE_S = 1.0  # in which it is the same click


def _on_second_click(button: Any, act: Callable[[], object]) -> None:
    """The first click only asks. What `act` says against it is shown."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    words, asked_s = button.text, float("-inf")

    async def clicked() -> None:
        nonlocal asked_s
        since_s = time.monotonic() - asked_s
        if since_s < _DOUBLE_S:
            return
        if since_s > _SURE_S:
            asked_s = time.monotonic()
            button.set_text(f"Yes, {words.lower()}")
            return
        button.set_text(words)
        asked_s = float("-inf")
        try:
            await asyncio.to_thread(act)
        except LogicnetError as error:
            ui.notify(str(error), type="negative")

    def calm() -> None:
        if time.monotonic() - asked_s > _SURE_S:
            button.set_text(words)

    button.on_click(clicked)
    ui.timer(EVERY_S, calm)


def _style() -> None:
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    ui.add_css((files("logicnet.operate.console") / "page.css").read_text(encoding="utf-8"))


def _navigation(here: str) -> None:
    """The same links on every page."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    with ui.element("nav").classes("wide").props('aria-label="pages"'):
        for name, target in (("miner", "/"), ("jobs", "/jobs"), ("adapters", "/adapters")):
            link = ui.link(name, target)
            if name == here:
                link.props('aria-current="page"')


class _Fold:
    """The folded rest of a list. It is rendered and sent only while it is open."""

    def __init__(self, make: Callable[[Snapshot], panels.Rest], shared: SharedSnapshot) -> None:
        from nicegui import ui  # noqa: PLC0415 (see `serve`)

        self._make = make
        self._shared = shared
        self._open = False
        with ui.element("details") as self._details:
            self._count = ui.html("", sanitize=False, tag="summary")
            self._rows = ui.html("", sanitize=False)
        self._details.on("toggle", self._toggled, js_handler="(event) => emit(event.target.open)")

    def update(self, now: Snapshot) -> None:
        count, rows = self._make(now)
        self._details.set_visibility(count > 0)
        self._count.set_content(f"and {count} more")
        self._rows.set_content(rows() if self._open else "")

    async def _toggled(self, event: Any) -> None:
        self._open = event.args
        self.update(await self._shared.latest())


def _draw(chart: Any, options: dict[str, Any]) -> None:
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()
