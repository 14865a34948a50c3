"""The page, on NiceGUI: it renders `panels` and updates them every second over a live connection.

One snapshot a second serves every browser that has the page open; without a browser none is taken.
"""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from loguru import logger
from starlette.requests import Request

from logicnet._util.net import require_free
from logicnet.errors import LedgerError, LogicnetError
from logicnet.operate.console import adapters, challenges, income, jobs, machine, miners, panels
from logicnet.operate.console.challenges import ChallengeQuery
from logicnet.operate.console.gate import gate
from logicnet.operate.console.history import SPANS, UNENDED_S
from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import AdapterState
from logicnet.tuning.progress import Progress

EVERY_S = 1.0

_BUILD_S = 60.0
"""For building a page: a ledger that another program locks is waited for by each read, five seconds."""


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

    @ui.page("/", title="logicnet", response_timeout=_BUILD_S)
    async def index() -> None:
        await _build(shared, source)

    @ui.page("/challenges", title="logicnet: challenges", response_timeout=_BUILD_S)
    async def search(request: Request) -> None:
        await _build_search(shared, source, ChallengeQuery.of(request.query_params))

    @ui.page("/challenges/{challenge_id}", title="logicnet: one challenge", response_timeout=_BUILD_S)
    async def one_challenge(challenge_id: str) -> None:
        await _build_challenge(shared, source, challenge_id)

    @ui.page("/jobs", title="logicnet: training jobs", response_timeout=_BUILD_S)
    async def training_jobs(job: str | None = None) -> None:
        await _build_jobs(shared, folders, job)

    @ui.page("/adapters", title="logicnet: adapters", response_timeout=_BUILD_S)
    async def all_adapters() -> None:
        await _build_adapters(shared, folders, roll_back if password is not None else None)

    where = "<this machine>" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    logger.info("The console is at http://{}:{}/. Stop with Ctrl-C.", where, port)
    ui.run(
        host=host,
        port=port,
        title="logicnet",
        language="en-US",
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


async def _build(shared: SharedSnapshot, source: MinerSource) -> None:
    """The live page of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    parts: list[Part] = []
    charts: list[Any] = []

    def text(make: Callable[[Snapshot], str], classes: str) -> None:
        shown = ui.html("", sanitize=False).classes(classes)  # `panels` escapes every word
        parts.append(lambda now: shown.set_content(make(now)))

    with _frame("live", "Live", parts):
        text(panels.head, "head wide")
        text(panels.figures, "figures wide")
        text(panels.alerts, "alerts wide")
        for column in COLUMNS:
            with ui.element("div").classes("stack"):
                for panel in column:
                    charts += panel.build(shared, source, parts)

    async def update() -> None:
        await _update(parts, await shared.latest())

    def fit() -> None:
        """A chart that was drawn before the layout was done keeps its first width."""
        for drawn in charts:
            drawn.run_chart_method("resize")

    await update()
    ui.timer(EVERY_S, update)
    for after_s in (0.5, 1.0, 2.0, 4.0, 8.0):  # the layout takes longer on a busy machine
        ui.timer(after_s, fit, once=True)


Part = Callable[[Snapshot], object]
"""Updates one part of a page; what it returns is awaited if it can be."""


async def _update(parts: Iterable[Part], now: Snapshot) -> None:
    for part in parts:
        done = part(now)
        if inspect.isawaitable(done):
            await done


@dataclass(frozen=True)
class Panel:
    """A part of the live page: words, a chart or both. It is hidden while `text` makes none.

    `rest` makes the rows that are folded below the words. Both functions escape every word of a stranger.
    """

    title: str
    name: str  # its id in the page
    text: Callable[[Snapshot], str] | None = None
    rest: Callable[[Snapshot], panels.Rest] | None = None
    chart: Callable[[Snapshot], dict[str, Any]] | None = None

    def build(self, shared: SharedSnapshot, _source: MinerSource, parts: list[Part]) -> list[Any]:
        """Its elements, here; its charts are returned."""
        from nicegui import ui  # noqa: PLC0415 (see `serve`)

        charts = []
        with _section(self.title, self.name) as section:
            if (make := self.text) is not None:
                shown = ui.html("", sanitize=False)

                def tell(now: Snapshot) -> None:
                    words = make(now)
                    shown.set_content(words)
                    section.set_visibility(bool(words))

                parts.append(tell)
            if self.rest is not None:
                parts.append(_Fold(self.rest, shared).update)
            if (draw := self.chart) is not None:
                charts.append(drawn := ui.echart({}).classes("chart"))
                parts.append(lambda now: _draw(drawn, draw(now)))
        return charts


@dataclass(frozen=True)
class TrendPanel:
    """Seconds and correctness, of the span that this browser chose."""

    title: str
    name: str

    def build(self, shared: SharedSnapshot, source: MinerSource, parts: list[Part]) -> list[Any]:
        from nicegui import ui  # noqa: PLC0415 (see `serve`)

        chosen = "hour"
        buttons: dict[str, Any] = {}

        async def update(now: Snapshot) -> None:
            buckets, unread, span = now.buckets, 0, chosen
            if span != "hour":
                try:
                    buckets, unread = await asyncio.to_thread(source.trend, span)
                except LedgerError:  # an alert says so
                    return
            if span == chosen:  # still
                words.set_content(panels.trend_words(buckets, span, unread, now.correctness))
                _draw(drawn, panels.trend(buckets, SPANS[span].times))

        async def choose(name: str) -> None:
            nonlocal chosen
            chosen = name
            for one, button in buttons.items():
                button.props(f'aria-pressed="{str(one == name).lower()}"')
            drawn.run_chart_method("dispatchAction", {"type": "dataZoom", "start": 0, "end": 100})
            await update(await shared.latest())

        with _section(self.title, self.name):
            with ui.element("div").classes("spans").props('role="group" aria-label="time shown"'):
                for name in SPANS:
                    button = ui.html(name, sanitize=False, tag="button")
                    button.props(f'type="button" aria-pressed="{str(name == chosen).lower()}"')
                    buttons[name] = button.on("click", partial(choose, name))
            words = ui.html("", sanitize=False).classes("empty")
            drawn = ui.echart({}).classes("chart zoomed")
            drawn.props('tabindex="0" role="group" aria-label="curve: arrow keys move, plus and minus zoom"')
        parts.append(update)
        return [drawn]


COLUMNS: tuple[tuple[Panel | TrendPanel, ...], ...] = (
    (
        Panel("The first hour", "first", panels.first_hour),
        Panel("In flight", "solving", panels.solving, panels.rest_of_solving),
        TrendPanel("Seconds and correctness", "trend"),
        Panel("Answers of the last hour", "answers", panels.answers, panels.rest_of_answers),
        Panel("All miners", "miners", miners.panel),
    ),
    (
        Panel("Models", "servers", panels.servers),
        Panel("vLLM and GPUs", "machine", machine.panel),
        Panel("Volume by validator", "volume", panels.volume, panels.rest_of_volume),
        Panel("Income and place", "income", income.panel),
        Panel("Rank in the network", "ranks", chart=panels.ranks),
        Panel("Refused in the last hour", "refusals", panels.refusals),
    ),
)
"""The panels of the live page, by column, from above. A narrow page has one column."""


async def _build_search(shared: SharedSnapshot, source: MinerSource, query: ChallengeQuery) -> None:
    """The page that finds challenges. It is not updated: its address holds the search."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    now = await shared.latest()
    try:
        found, next_s = await asyncio.to_thread(source.search, query.search(now.at_s), challenges.MOST)
        text = challenges.results(query, found, next_s)
    except LedgerError as error:
        text = panels.failed("The ledger cannot be read", error)
    parts: list[Part] = []
    with _frame("challenges", "Challenges", parts), ui.element("section").classes("panel wide"):
        validators = list(dict.fromkeys(one.validator for one in now.volumes))
        ui.html(challenges.form(query, validators), sanitize=False)
        ui.html(text, sanitize=False).props('id="found"')
    await _update_badges(shared, parts)


async def _build_challenge(shared: SharedSnapshot, source: MinerSource, challenge_id: str) -> None:
    """The page of one challenge. It is read again every second until it has ended."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    parts: list[Part] = []
    with _frame("challenges", "One challenge", parts):
        shown = ui.html("", sanitize=False).classes("stack wide")
    await _update_badges(shared, parts)

    async def update() -> None:
        text, timer.active = await asyncio.to_thread(_challenge, source, challenge_id)
        shown.set_content(text)

    timer = ui.timer(EVERY_S, update, immediate=False)
    await update()


def _challenge(source: MinerSource, challenge_id: str) -> tuple[str, bool]:
    """One challenge as HTML, and whether it goes on. Blocks."""
    try:
        found = source.challenge(challenge_id)
    except LedgerError as error:
        return panels.failed("The ledger cannot be read", error), True  # it may be locked for a moment
    if found is None:
        return panels.failed("No such challenge", f"The ledger has none with the id {challenge_id}."), False
    row, estimate = found
    now_s = time.time()
    goes_on = estimate is None and now_s - row["admitted_at_s"] < UNENDED_S
    return challenges.about(row, estimate, source.epoch_volume, now_s), goes_on


async def _build_jobs(shared: SharedSnapshot, folders: Folders, job_id: str | None) -> None:
    """The page of training jobs of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    parts: list[Part] = []
    with _frame("jobs", "Training jobs", parts):
        with ui.element("section").classes("panel wide").props('id="queue"'):
            queue = ui.html("", sanitize=False).classes("scroll")  # `jobs` escapes every word
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
    await _update_badges(shared, parts)
    ui.timer(EVERY_S, update)


async def _build_adapters(
    shared: SharedSnapshot, folders: Folders, roll_back: Callable[[], object] | None
) -> None:
    """The page of adapters of one browser, and the timer that updates it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    parts: list[Part] = []
    with _frame("adapters", "Adapters", parts):
        with ui.element("section").classes("panel wide").props('id="serving"'):
            serving = ui.html("", sanitize=False)  # `adapters` escapes every word
            button = None if roll_back is None else ui.button("Roll back").props("flat no-caps")
        with ui.element("section").classes("panel wide").props('id="adapters"'):
            table = ui.html("", sanitize=False).classes("scroll")
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
    await _update_badges(shared, parts)
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


PAGES = {"live": "/", "challenges": "/challenges", "jobs": "/jobs", "adapters": "/adapters"}


@contextmanager
def _frame(here: str, title: str, parts: list[Part]) -> Iterator[None]:
    """What every page has around its panels: style, navigation and badges."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    room = files("logicnet.operate.console")
    ui.add_css((room / "page.css").read_text(encoding="utf-8"))
    ui.add_head_html(f"<script>{(room / 'page.js').read_text(encoding='utf-8')}</script>")
    with ui.element("header").classes("top"):
        with ui.element("nav").props('aria-label="pages"'):
            for name, target in PAGES.items():
                link = ui.link(name, target)
                if name == here:
                    link.props('aria-current="page"')
        badges = ui.html("", sanitize=False).props('role="status"').classes("badges")
    parts.append(lambda now: badges.set_content(panels.badges(now)))
    with ui.element("div").classes("page"):  # inside the <main> of NiceGUI
        ui.html(title, sanitize=False, tag="h1").classes("unseen")
        yield


async def _update_badges(shared: SharedSnapshot, parts: list[Part]) -> None:
    """The frame of a page without a live miner on it."""
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    async def update() -> None:
        await _update(parts, await shared.latest())

    await update()
    ui.timer(5 * EVERY_S, update)


@contextmanager
def _section(title: str, name: str) -> Iterator[Any]:
    from nicegui import ui  # noqa: PLC0415 (see `serve`)

    with ui.element("section").classes("panel").props(f'id="{name}"') as section:
        ui.html(title, sanitize=False, tag="h2")
        yield section


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
