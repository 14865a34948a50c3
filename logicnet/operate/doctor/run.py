"""Runs the checks and reports their findings, secrets masked: `logicnet doctor`."""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from loguru import logger
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from logicnet import __version__
from logicnet.chain.loop_thread import Loop
from logicnet.config import Config
from logicnet.config.started import env_file_values
from logicnet.errors import LogicnetError
from logicnet.operate.doctor.checks import CHECKS, Check, Findings
from logicnet.operate.doctor.checks.wallet import is_secret
from logicnet.operate.doctor.context import Context, Finding, Severity, System, not_checked, skipped, worst
from logicnet.settings import MASK

ABOUT = """Find what is wrong with this miner's set-up, what it costs, and how to mend it. It only reads.
Run it in the miner's folder, as the miner's user; takes the flags of `mine`.
Exit status: 0 nothing to mend, 3 warnings, 4 errors."""


Found = Mapping[str, Sequence[Finding]]

CHECK_S = 20.0  # The time of a check: enough for a slow model and a distant chain. Most take milliseconds.


def run(
    config: Config,
    out: Console,
    *,
    others: Sequence[Config] = (),
    json: bool = False,
    system: System | None = None,
) -> int:
    """Run all checks, print the report, and return the exit status. `others`: of more miners here."""
    system = system or System()
    folder = Path.cwd()
    logger.disable("logicnet")  # the findings say what the log of the parts would
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:  # does not wait for a hanging DNS lookup
            contexts = [Context(one, folder, system) for one in (config, *others)]
            found = runner.run(_of_each(contexts))
    finally:
        logger.enable("logicnet")
    secrets = [secret for one in (config, *others) for secret in one.secrets()]
    secrets += [*secrets_in(system.environ), *secrets_in(env_file_values(folder / ".env"))]
    clean = masked(found, secrets, system.home)
    if json:
        print(as_json(clean))
    else:
        show(out, clean)
    return status(clean)


async def _of_each(contexts: Sequence[Context]) -> Found:
    """The findings on several miners: what all share once, the rest behind the name of the hotkey."""
    every = await asyncio.gather(*map(run_checks, contexts))
    if len(every) == 1:
        return every[0]
    found: dict[str, list[Finding]] = {}
    for check, findings in every[0].items():
        if same := [one for one in findings if all(one in other[check] for other in every)]:
            found[check] = same
        for context, own in zip(contexts, every, strict=True):
            if rest := [one for one in own[check] if one not in same]:
                found[f"{check} {context.settings.wallet.hotkey}"] = rest
    return found


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
                return _listed(await check(context))
            return await asyncio.to_thread(lambda: _listed(cast(Findings, check(context))))
    except TimeoutError:
        return [not_checked(f"Not checked: it took longer than {within_s:g} s.", "Try again later.")]
    except LogicnetError as reason:
        return [skipped(reason)]
    except Exception as error:  # the boundary: a broken check must not hide the findings of the others
        return [not_checked(f"Not checked: {type(error).__name__} in this check.", "Please report it.")]


def _listed(found: Findings) -> list[Finding]:
    return [found] if isinstance(found, Finding) else list(found)


STATUS = {Severity.OK: 0, Severity.NOTE: 0, Severity.WARNING: 3, Severity.ERROR: 4}
"""Exit status. 1 and 2 are those of every command: it failed, its arguments are wrong."""

_SHORTEST_SECRET = 6  # characters; shorter ones, such as the placeholder "EMPTY", would mask common words
_STYLES = {Severity.OK: "green", Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "red"}


def status(found: Found) -> int:
    return STATUS[worst(finding for findings in found.values() for finding in findings)]


def secrets_in(variables: Mapping[str, str]) -> list[str]:
    """The values of variables with the name of a secret."""
    return [value for name, value in variables.items() if value and is_secret(name)]


def masked(found: Found, secrets: Collection[str], home: Path) -> Found:
    """`found` without `secrets`, and with `~` for `home`."""
    hidden = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text.replace(f"{home}/", "~/") if home != Path("/") else text

    return {
        name: [
            replace(one, what=clean(one.what), why=clean(one.why), mend=clean(one.mend)) for one in findings
        ]
        for name, findings in found.items()
    }


def as_json(found: Found) -> str:
    """One object: `worst`, `status`, and the `findings` in order, each with its check."""
    rows = [
        {"check": name, **asdict(one), "severity": str(one.severity)}
        for name, findings in found.items()
        for one in findings
    ]
    severity = worst(one for findings in found.values() for one in findings)
    head = {"logicnet": __version__, "worst": str(severity), "status": STATUS[severity]}
    return json.dumps({**head, "findings": rows}, indent=2, ensure_ascii=False)


def show(out: Console, found: Found) -> None:
    """A row for each finding, from 60 columns of width, and a line that counts them."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=7, no_wrap=True)
    table.add_column(width=max(12, *map(len, found)), no_wrap=True)
    table.add_column(overflow="fold")
    for name, findings in found.items():
        for one in findings:
            mark = Text(str(one.severity), style=_STYLES[one.severity])
            table.add_row(mark, Text(name), _text(one))
    out.print(table)
    out.print(Text(summary(found), style="bold"))


def _text(one: Finding) -> Group:
    parts: list[Text | Padding] = [Text(one.what)]
    for word, text in (("why: ", one.why), ("mend: ", one.mend)):
        if text:
            parts.append(Padding(Text.assemble((word, "bold"), text), (0, 0, 0, 2)))
    return Group(*parts)


def summary(found: Found) -> str:
    every = [one for findings in found.values() for one in findings]
    counts = Counter(one.severity for one in every)
    words = [
        f"{counts[one]} {one}{'s' if counts[one] > 1 else ''}"
        for one in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
        if counts[one]
    ]
    missing = sum(not one.checked for one in every)
    end = f" {missing} could not be checked." if missing else ""
    return f"{', '.join(words) or 'Nothing to mend'}.{end}"
