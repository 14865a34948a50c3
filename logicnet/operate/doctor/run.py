"""`logicnet doctor`: settings in, a report and an exit status out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loguru import logger
from rich.console import Console

from logicnet.chain.loop_thread import Loop
from logicnet.config import Config
from logicnet.config.started import env_file_values
from logicnet.operate.doctor.context import Context, System
from logicnet.operate.doctor.report import as_json, masked, secrets_in, show, status
from logicnet.operate.doctor.runner import run_checks

ABOUT = """Find what is wrong with this miner's set-up, what it costs, and how to mend it. It only reads.
Run it in the miner's folder, as the miner's user; takes the flags of `mine`.
Exit status: 0 nothing to mend, 3 warnings, 4 errors."""


def run(config: Config, out: Console, *, json: bool = False, system: System | None = None) -> int:
    """Look at everything, say what was found, and return the exit status."""
    system = system or System()
    folder = Path.cwd()
    context = Context(config, folder, system)
    with _unheard(), asyncio.Runner(loop_factory=Loop) as runner:  # a look-up that hangs is not waited for
        found = runner.run(run_checks(context))
    secrets = [*config.secrets(), *secrets_in(system.environ), *secrets_in(env_file_values(folder / ".env"))]
    clean = masked(found, secrets, system.home)
    if json:
        print(as_json(clean))
    else:
        show(out, clean)
    return status(clean)


@contextmanager
def _unheard() -> Iterator[None]:
    """The rooms warn a miner's operator in its log; here what they find is in the report."""
    logger.disable("logicnet")
    try:
        yield
    finally:
        logger.enable("logicnet")
