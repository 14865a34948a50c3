"""Settings for people: `--help` and `logicnet config`. Secrets are masked."""

import json
import shutil
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from logicnet.config._read import Config
from logicnet.config._table import PREFIX, Setting, table
from logicnet.ledger import ledger_path

_PIPE_WIDTH = 110  # columns, where there is no terminal to ask


def console() -> Console:
    """Standard output: as wide as the terminal, without colours in a pipe."""
    width = None if sys.stdout.isatty() else max(_PIPE_WIDTH, shutil.get_terminal_size().columns)
    return Console(width=width, highlight=False)


def print_flags(out: Console, rooms: Sequence[str] = ()) -> None:
    """Every flag with what it takes, what it does and its default, in groups.

    `rooms`: the first parts of names, such as `tuning`, that are shown, in this order; default: all.
    """
    groups: dict[str, list[Setting]] = {}
    shown = [setting for setting in table().values() if not rooms or setting.path[0] in rooms]
    if rooms:
        shown.sort(key=lambda setting: rooms.index(setting.path[0]))
    for setting in shown:
        groups.setdefault(setting.group, []).append(setting)
    left = max(len(_usage(setting)) for setting in table().values())
    for group, settings in groups.items():
        out.print(Text(f"\n{group}", style="bold"))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=left + 2, no_wrap=True)
        grid.add_column()
        for setting in settings:
            grid.add_row(Text(f"  {_usage(setting)}"), Text(_about(setting)))
        out.print(grid)
    out.print(
        Text(
            f"\n--flag value or --flag=value. --axon.port is {PREFIX}AXON__PORT in the environment or .env; "
            "a flag beats the environment, the environment beats .env."
        )
    )


def print_config(out: Console, config: Config) -> None:
    """Values and sources: a table on a terminal, one line each in a pipe."""
    rows = [
        (name, "-" if row["value"] is None else table()[name].shown(row["value"]), str(row["from"]))
        for name, row in in_force(config).items()
    ]
    if not out.is_terminal:
        for name, value, source in rows:
            sys.stdout.write(f"{name} = {value}  # {source}\n")
        return
    given = {setting.name for setting in config.given}
    columns = [Column(name, overflow="fold") for name in ("setting", "value", "from")]
    grid = Table(*columns, box=box.SIMPLE_HEAD)
    for name, value, source in rows:
        style = "" if name in given else "dim"
        grid.add_row(*map(Text, (name, value, source)), style=style)
    out.print(grid)


def print_config_json(config: Config) -> None:
    """The same as one JSON object: `{"axon.port": {"value": 8091, "from": "default"}, ...}`."""
    json.dump(in_force(config), sys.stdout, indent=2)
    sys.stdout.write("\n")


def in_force(config: Config) -> dict[str, dict[str, object]]:
    """Value and source by name; some defaults follow from other settings."""
    settings = config.settings
    follows: dict[str, tuple[object, str]] = {
        "axon.host": (settings.bind_host, "offline"),
        "axon.external_port": (settings.axon.port, "axon.port"),
        "ledger.path": (str(ledger_path(settings)), "wallet.name, wallet.hotkey"),
    }
    rows = {}
    for name, setting in table().items():
        value, source = setting.value(settings), config.source(setting)
        if value is None and name in follows:
            value, other = follows[name]
            source = f"{source}, from {other}"
        if not isinstance(value, bool | int | float | None):
            value = setting.shown(value)
        rows[name] = {"value": value, "from": source}
    return rows


def _usage(setting: Setting) -> str:
    return setting.flag if setting.switch else f"{setting.flag} {setting.takes.metavar}"


def _about(setting: Setting) -> str:
    parts = [setting.description]
    if setting.known_as:
        parts.append(f"; {', '.join(setting.known_as)} if not given")
    if not setting.switch and not setting.takes.words.endswith(f" {setting.takes.metavar.lower()}"):
        parts.append(f" ({setting.takes.words})")
    if setting.default is not None and not setting.switch and (shown := setting.shown(setting.default)):
        parts.append(f" [default: {shown}]")
    return "".join(parts)
