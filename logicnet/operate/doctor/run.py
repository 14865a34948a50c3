"""Runs the checks and reports their findings: `logicnet doctor`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from loguru import logger
from rich.console import Console

from logicnet.chain.loop_thread import Loop
from logicnet.config import Config
from logicnet.config.started import env_file_values
from logicnet.errors import LogicnetError
from logicnet.operate.doctor.checks import CHECKS, Check, Findings
from logicnet.operate.doctor.context import Context, System, skipped
from logicnet.operate.doctor.finding import Finding, not_checked
from logicnet.operate.doctor.report import as_json, masked, secrets_in, show, status

ABOUT = """Find what is wrong with this miner's set-up, what it costs, and how to mend it. It only reads.
Run it in the miner's folder, as the miner's user; takes the flags of `mine`.
Exit status: 0 nothing to mend, 3 warnings, 4 errors."""


CHECK_S = 20.0
"""The time of a check: enough for a slow model and a distant chain. Most take milliseconds."""


def run(config: Config, out: Console, *, json: bool = False, system: System | None = None) -> int:
    """Run all checks, print the report, and return the exit status."""
    system = system or System()
    folder = Path.cwd()
    logger.disable("logicnet")  # the findings say what the log of the parts would
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:  # does not wait for a hanging DNS lookup
            found = runner.run(run_checks(Context(config, folder, system)))
    finally:
        logger.enable("logicnet")
    secrets = [*config.secrets(), *secrets_in(system.environ), *secrets_in(env_file_values(folder / ".env"))]
    clean = masked(found, secrets, system.home)
    if json:
        print(as_json(clean))
    else:
        show(out, clean)
    return status(clean)


async def run_checks(
    context: Context, checks: Mapping[str, Check] = CHECKS, within_s: float = CHECK_S
) -> Mapping[str, list[Finding]]:
    """The findings of each check, by its name. Closes `context`.

    A check that breaks or exceeds its time becomes a finding of its own.
    """
    try:
        found = await asyncio.gather(*(_run(check, context, within_s) for check in checks.values()))
    finally:
        await context.close()
    return dict(zip(checks, found, strict=True))


async def _run(check: Check, context: Context, within_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(within_s):
            if inspect.iscoroutinefunction(check):
                return list(await check(context))
            return await asyncio.to_thread(lambda: list(cast(Findings, check(context))))
    except TimeoutError:
        return [not_checked(f"Not checked: it took longer than {within_s:g} s.", "Try again later.")]
    except LogicnetError as reason:
        return [skipped(reason)]
    except Exception as error:  # the boundary: a broken check must not hide the findings of the others
        return [not_checked(f"Not checked: {type(error).__name__} in this check.", "Please report it.")]
