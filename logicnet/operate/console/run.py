"""`logicnet top` and `logicnet console`."""

import importlib.util
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from logicnet._util.net import is_loopback
from logicnet.config.started import started_app
from logicnet.errors import SettingsError
from logicnet.ledger import ledger_path
from logicnet.operate.adapters import swapper
from logicnet.operate.console.judge import judging
from logicnet.operate.console.machine import MachineReader
from logicnet.operate.console.notify import notifying
from logicnet.operate.console.source import MinerSource, Scores
from logicnet.operate.console.top import top
from logicnet.settings import Settings
from logicnet.tuning.folders import Folders

SHORTEST_PASSWORD = 12


def run_top(settings: Settings, runs: Sequence[Path] = (), *, once: bool = False) -> None:
    """Until Ctrl-C. Raises LogicnetError if one of `runs` is not the folder of a run."""
    with source_of(settings, runs) as source:
        top(source, Console(), once=once)


def run_console(settings: Settings, runs: Sequence[Path] = (), started: Sequence[Settings] = ()) -> None:
    """Serve the page until Ctrl-C. Raises SettingsError if that would be unsafe, or NiceGUI is missing.

    `started`: of the miners that pm2 starts beside this one.
    """
    password = password_of(settings)
    for package in ("nicegui", "latex2mathml"):
        if importlib.util.find_spec(package) is None:
            raise SettingsError(
                f"{package} is not installed: pip install 'logicnet[console]', or use `logicnet top` instead."
            )
    from logicnet.operate.console.page import serve  # noqa: PLC0415 (NiceGUI, a second of importing)

    console = settings.console
    with ExitStack() as stack:
        others = [
            stack.enter_context(MinerSource(path, app=app)) for path, app in other_miners(settings, started)
        ]
        source = stack.enter_context(source_of(settings, runs, others))
        stack.enter_context(notifying(console, [source, *others]))
        stack.enter_context(judging(console, source))
        folders = Folders.of(settings.tuning)
        serve(
            source,
            folders,
            host=console.host,
            port=console.port,
            proxy=console.proxy,
            password=password,
            roll_back=lambda: swapper(settings).roll_back("rolled back in the console"),
        )


def password_of(settings: Settings) -> str | None:
    """The page's password, or None. Raises SettingsError if the page must not be served so."""
    host, proxy, secret = settings.console.host, settings.console.proxy, settings.console.password
    password = secret.get_secret_value() if secret is not None else None
    if password is None and (proxy is not None or not is_loopback(host)):
        name, opens = ("host", host) if proxy is None else ("proxy", proxy)
        raise SettingsError(
            f"--console.{name} {opens} opens the page to other machines: set LOGICNET_CONSOLE__PASSWORD too, "
            f"or remove --console.{name} and use `ssh -L`."
        )
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise SettingsError(
            f"--console.password has {len(password)} characters: it needs {SHORTEST_PASSWORD} or more."
        )
    return password


def other_miners(settings: Settings, started: Sequence[Settings] = ()) -> list[tuple[Path, str]]:
    """Ledgers of --console.also, default: those of `started`, each once and without this miner's own.

    With each the name of its app in pm2; empty if pm2 does not start that miner.
    """
    own = _ledger(settings)
    apps = {_ledger(one): started_app(one.wallet.hotkey) for one in started}
    also = [one.resolve() for one in settings.console.ledgers] or list(apps)
    return [(path, apps.get(path, "")) for path in dict.fromkeys(also) if path != own]


def _ledger(settings: Settings) -> Path:
    return ledger_path(settings).expanduser().resolve()


def source_of(settings: Settings, runs: Sequence[Path], others: Sequence[MinerSource] = ()) -> MinerSource:
    scores = Scores(runs, settings.miner.epoch_volume)
    return MinerSource(
        ledger_path(settings),
        scores,
        console=settings.console,
        machine=MachineReader(),
        others=others,
        app=started_app(settings.wallet.hotkey),
    )
