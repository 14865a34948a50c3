"""Alerts that are pushed: to Telegram, Discord, mail and whatever else apprise knows.

Each alert is sent once when it begins and once when it ends. A receiver has a thread of its own, so one that
hangs or refuses delays nothing else; it is said once, and tried again with backoff. URLs of receivers are
secrets: a receiver is named by its number and scheme.
"""

import hashlib
import importlib.util
import json
import logging as stdlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet._util.files import write_whole
from logicnet._util.text import one_line
from logicnet.errors import SettingsError
from logicnet.operate.console.snapshot import Alert, Snapshot, short
from logicnet.operate.console.source import MinerSource
from logicnet.settings import ConsoleSettings, QuietHours

EVERY_S = 10.0
HELD_S = 30.0
"""How long an alert lasts, or is gone, before it is pushed: a burst of challenges is no news."""

_SEND_S = 30.0  # for one message; a receiver that drips its reply would hold apprise for ever
_LONGEST = 500  # characters of a line: Telegram and Discord refuse a message of thousands
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 600.0  # after a failure

_KIND = {"bad": "failure", "warning": "warning"}  # apprise's word for a level


@dataclass(frozen=True, slots=True)
class PushedMessage:
    """What a receiver hears about the alert `key`; `ends` if that is over."""

    key: str
    what: str
    mend: str
    kind: str  # apprise's: failure, warning, success
    ends: bool


class UntoldChanges:
    """Which alerts of a miner have begun and ended since the receiver was told. `told`: what, by key."""

    def __init__(self, told: Mapping[str, str], held_s: float = HELD_S) -> None:
        self.told = dict(told)
        self._held_s = held_s
        self._since_s: dict[str, float] = {}

    def due(self, alerts: Collection[Alert], now_s: float) -> list[PushedMessage]:
        """The messages that are due: of changes that have lasted. Notes are not pushed."""
        now = {one.key: one for one in alerts if one.level != "note"}
        changed = now.keys() ^ self.told.keys()
        if "miner" in now:  # what only a running miner tells is now unknown, not over
            changed &= now.keys()
        # None is in the future: a clock that was set back must not hold up what it has seen before.
        self._since_s = {key: min(now_s, self._since_s.get(key, now_s)) for key in changed}
        lasting = [key for key, since_s in self._since_s.items() if now_s - since_s >= self._held_s]
        begun = [
            PushedMessage(one.key, one.what, one.mend, _KIND[one.level], ends=False)
            for one in now.values()
            if one.key in lasting
        ]
        ended = [
            PushedMessage(key, what, "", "success", ends=True)
            for key, what in self.told.items()
            if key in lasting and key not in now
        ]
        return begun + ended

    def sent(self, message: PushedMessage) -> None:
        self._since_s.pop(message.key, None)
        if message.ends:
            self.told.pop(message.key, None)
        else:
            self.told[message.key] = message.what


class ToldFile:
    """What each receiver was told, for the next start of the console. Receivers are known by a digest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._told: dict[str, dict[str, dict[str, str]]] = {}
        with suppress(OSError, ValueError, AttributeError, TypeError):
            found = json.loads(path.read_bytes())
            self._told = {
                digest: {
                    ledger: {str(key): str(what) for key, what in told.items()}
                    for ledger, told in ledgers.items()
                }
                for digest, ledgers in found.items()
            }

    def of(self, url: str, ledger: str) -> Mapping[str, str]:
        return self._told.get(_digest(url), {}).get(ledger, {})

    def write(self, url: str, ledger: str, told: Mapping[str, str]) -> None:
        """Without a disk to write on, the next start repeats the alerts that last."""
        with self._lock, suppress(OSError):
            self._told.setdefault(_digest(url), {})[ledger] = dict(told)
            write_whole(self._path, json.dumps(self._told), mode=0o600)


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


class Receiver:
    """One URL of apprise. Raises SettingsError if apprise does not know it."""

    def __init__(self, url: str, number: int) -> None:
        import apprise  # noqa: PLC0415 (a third of a second)

        # Their lines may hold URLs, and come with every try.
        for name in ("apprise", "urllib3"):
            stdlib.getLogger(name).setLevel(stdlib.CRITICAL + 1)
        scheme = url.partition("://")[0]
        self.url = url
        self.name = f"receiver {number} ({scheme})"
        self._apprise = apprise.Apprise()
        if not self._apprise.add(url):
            raise SettingsError(
                f"--console.notify: {self.name} is no address that apprise knows; see "
                "https://appriseit.com/services/ or `apprise --details`."
            )
        self._sending: threading.Thread | None = None

    def send(self, title: str, body: str, kind: str, within_s: float = _SEND_S) -> bool:
        """Whether it took the message. Blocks for at most `within_s`."""
        if self._sending is not None and self._sending.is_alive():
            return False  # it still hangs in the last message
        took: list[bool] = []

        def send() -> None:
            with suppress(Exception):  # the boundary: a plug-in may raise anything; then nothing was taken
                # As text: else a mail would show an error of a model server as HTML.
                done = self._apprise.notify(body=body, title=title, notify_type=kind, body_format="text")
                took.append(bool(done))

        self._sending = threading.Thread(target=send, name="push", daemon=True)
        self._sending.start()
        self._sending.join(within_s)
        return took == [True]


class Delivery:
    """Tells one receiver of the alerts of all miners."""

    def __init__(
        self, receiver: Receiver, told: ToldFile, quiet: QuietHours | None, *, held_s: float = HELD_S
    ) -> None:
        self._receiver = receiver
        self._told = told
        self._quiet = quiet
        self._held_s = held_s
        self._of: dict[str, UntoldChanges] = {}
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._not_before_s = float("-inf")
        self._failed = False

    def step(self, snapshots: Sequence[Snapshot], now_s: float) -> None:
        """Send what is due at unix time `now_s`. In quiet hours nothing is sent: what lasts is sent after."""
        due = [(now, message) for now in snapshots for message in self._changes(now).due(now.alerts, now_s)]
        self._not_before_s = min(self._not_before_s, now_s + _LONGEST_PAUSE_S)  # a clock that was set back
        if now_s < self._not_before_s or (self._quiet and self._quiet.at(datetime.fromtimestamp(now_s))):
            return
        for now, message in due:
            state = "over" if message.ends else "alert"
            title, body = (
                f"logicnet {name_of(now)}: {state}",
                "\n".join(_harmless(text) for text in (message.what, message.mend) if text),
            )
            if not self._receiver.send(title, body, message.kind):
                self._not_before_s = now_s + self._backoff.next_s()
                self._say(failed=True)
                return
            self._backoff.reset()
            self._say(failed=False)
            changes = self._changes(now)
            changes.sent(message)
            self._told.write(self._receiver.url, now.ledger, changes.told)

    def _changes(self, now: Snapshot) -> UntoldChanges:
        if now.ledger not in self._of:
            told = self._told.of(self._receiver.url, now.ledger)
            self._of[now.ledger] = UntoldChanges(told, self._held_s)
        return self._of[now.ledger]

    def _say(self, *, failed: bool) -> None:
        """Once for each run of failures."""
        if failed and not self._failed:
            logger.warning(
                "{} of --console.notify takes no alert; it is tried again. `logicnet console --test-notify` "
                "tries it at once, `apprise -vv -b test URL` says why.",
                self._receiver.name.capitalize(),
            )
        elif self._failed and not failed:
            logger.info("{} takes alerts again.", self._receiver.name.capitalize())
        self._failed = failed


def _harmless(text: str) -> str:
    """One line in which a name behind an @ wakes nobody (Discord, Slack, Telegram)."""
    return one_line(text, _LONGEST).replace("@", "@\N{ZERO WIDTH SPACE}")


def name_of(now: Snapshot) -> str:
    """The hotkey, or the name of the ledger where no miner runs."""
    return short(now.miner.hotkey) if now.miner else Path(now.ledger).stem


def receivers(console: ConsoleSettings) -> list[Receiver]:
    """Raises SettingsError without apprise, or if it does not know one of the addresses."""
    urls = console.receivers
    if urls and importlib.util.find_spec("apprise") is None:
        raise SettingsError("--console.notify needs apprise: pip install 'logicnet[console]'.")
    return [Receiver(url, number) for number, url in enumerate(urls, 1)]


@contextmanager
def notifying(
    console: ConsoleSettings,
    sources: Sequence[MinerSource],
    *,
    every_s: float = EVERY_S,
    held_s: float = HELD_S,
    now_s: Callable[[], float] = time.time,
) -> Iterator[None]:
    """Push the alerts of `sources` meanwhile; nothing without --console.notify. Raises SettingsError."""
    found = receivers(console)
    if not found:
        yield
        return
    first = sources[0].ledger
    told = ToldFile(first.with_name(first.name + ".notified"))
    stop = threading.Event()
    latest: list[Snapshot] = []

    def look() -> None:
        latest[:] = [source.snapshot() for source in sources]

    def run(step: Callable[[], None]) -> None:
        failed = False
        while not stop.wait(every_s):
            try:
                step()
                failed = False
            except Exception as error:  # the boundary: rows of a damaged ledger may raise anything
                if not failed:
                    logger.opt(exception=error).error("Alerts cannot be looked for; it is tried again.")
                failed = True

    def delivering(delivery: Delivery) -> Callable[[], None]:
        return lambda: delivery.step(tuple(latest), now_s())

    steps = [look, *(delivering(Delivery(one, told, console.quiet, held_s=held_s)) for one in found)]
    threads = [threading.Thread(target=run, args=(step,), name="alerts", daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(1.0)


def try_receivers(console: ConsoleSettings, say: Callable[[str], object]) -> bool:
    """Send each receiver a message, also in quiet hours; whether all took it. Raises SettingsError."""
    found = receivers(console)
    if not found:
        raise SettingsError(
            "--console.notify is not set: give an address of apprise, better in .env: "
            "LOGICNET_CONSOLE__NOTIFY=tgram://TOKEN/CHAT"
        )
    all_took = True
    for one in found:
        took = one.send("logicnet: test", "Alerts of the console arrive here.", "info")
        all_took = all_took and took
        say(f"{one.name}: {'took the message' if took else 'refused it, or did not answer'}")
    return all_took
