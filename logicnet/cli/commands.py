"""The commands of `logicnet`. One function a command: its flags, and a call.

Exit status: 0 done; 1 it could not be done; 2 asked wrongly (usage, a setting); 130 Ctrl-C. Whatever
goes wrong is said in one line on stderr.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from loguru import logger

from logicnet import __version__, logs
from logicnet._util.ascii import print_anything
from logicnet.cli import _adapters, _amr, _compete, _search, _tune_improve, _tune_mine  # noqa: F401
from logicnet.cli._door import serve
from logicnet.cli._improve import arena, bench, challenges, learn, report, score, solvers
from logicnet.cli._judge import judge
from logicnet.cli._mine import config, demo, doctor, init, mine
from logicnet.cli._serve import models, plan, vllm, volume
from logicnet.cli._settings import WITH_SETTINGS
from logicnet.cli._tune import tune
from logicnet.cli._watch import console, ledger, subnet, top
from logicnet.errors import LogicnetError, SettingsError
from logicnet.settings import LoggingSettings

app = typer.Typer(
    help="A reasoning miner for Bittensor: signed challenge in, reasoned answer out, in time.",
    pretty_exceptions_enable=False,
)

GROUPS = {
    "Mine": (demo, init, doctor, config, mine),
    "Serve": (models, plan, vllm, serve),
    "Watch": (subnet, top, console, ledger),
    "Improve": (solvers, bench, arena, report, learn, score),
}
"""Commands in the order in which an operator meets them."""

LIST_SETTINGS = (
    init,
    doctor,
    config,
    mine,
    serve,
)  # Their help names every setting, so they print it themselves

TAKE_MORE = (*LIST_SETTINGS, vllm, subnet, top, console, ledger, learn)
"""They read words that they do not declare: settings, flags of vLLM."""

TRACE = "LOGICNET_LOGGING__TRACE"
"""The variable of --logging.trace, which commands without settings hear as well."""


def run(argv: Sequence[str] | None = None) -> int:
    """As `logicnet.cli.main`, but raises KeyboardInterrupt."""
    print_anything()
    logs.set_up(LoggingSettings(trace=os.environ.get(TRACE, "").lower() == "true"))
    # A script that starts us in the background has Ctrl-C ignored, and Python then leaves it so.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = app(words or ["--help"], prog_name="logicnet", standalone_mode=False)
    except SettingsError as error:
        return _say(str(error), 2)
    except LogicnetError as error:
        return _say(str(error), 1)
    except typer.TyperException as error:
        return _say(error.format_message(), error.exit_code)
    except Exception as error:  # the one boundary: a user gets a line, not a traceback
        logger.opt(exception=error).critical(
            f"Unexpected fault; {TRACE}=true in the environment adds details:"
        )
        return 1
    return status if isinstance(status, int) else 0


@app.callback(invoke_without_command=True)
def root(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if show_version:
        version()
        raise typer.Exit


@app.command(hidden=True)
def version() -> None:
    """Print the version."""
    print(__version__)


def _say(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status


for group, commands in GROUPS.items():
    for command in commands:
        app.command(
            rich_help_panel=group,
            add_help_option=command not in LIST_SETTINGS,
            context_settings=WITH_SETTINGS if command in TAKE_MORE else None,
            options_metavar="RUN... [OPTIONS]" if command is learn else "[OPTIONS]",
        )(command)
app.add_typer(volume, name="volume", rich_help_panel="Serve")
app.add_typer(challenges, name="challenges", rich_help_panel="Improve")
tune.command(context_settings=WITH_SETTINGS, options_metavar="TASK [OPTIONS]")(judge)
app.add_typer(tune, name="tune", rich_help_panel="Improve")
