"""Are the settings, the packages and the limits of this machine right, and does the miner start with it?"""

import difflib
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from logicnet._util.net import is_loopback
from logicnet.config import check as check_config
from logicnet.config.started import VARIABLES, env_file_values
from logicnet.errors import SettingsError
from logicnet.operate.console.run import SHORTEST_PASSWORD, password_of
from logicnet.operate.doctor.checks.network import running_miner
from logicnet.operate.doctor.context import Context, Finding, error, not_checked, note, ok, warning
from logicnet.operate.doctor.pm2 import Pm2, app_of, vllm_here
from logicnet.scoring.reward import FULL_VOLUME


def settings(context: Context) -> Iterator[Finding]:
    found = [*_findings(context), *_variables(context), *_exposed(context)]
    yield from found or [ok("The settings are valid.")]


def _findings(context: Context) -> Iterator[Finding]:
    given = context.settings
    try:
        check_config(context.config)
    except SettingsError as complaint:
        for line in str(complaint).splitlines():
            yield error(line, "The miner does not start.", "Correct the setting, then start the miner again.")
    if given.offline:
        yield note(
            "The miner works without a chain (--offline).",
            "Without a chain nothing is earned; this is for trials.",
            "Remove LOGICNET_OFFLINE and LOGICNET_CHAIN__FILE from .env to mine.",
        )
    if given.miner.epoch_volume < FULL_VOLUME:
        yield note(
            f"--miner.epoch_volume announces {given.miner.epoch_volume} challenges per interval; "
            f"{FULL_VOLUME} earn the full volume factor.",
            "A smaller volume earns a smaller share of each reward; unanswered challenges earn less still.",
            "`logicnet volume advise` measures how far --miner.epoch_volume can be raised.",
        )


_ASKED = ("Logic",)
"""The categories that validators are known to ask for (the subnet's documents: "Currently, only Logic")."""


def _variables(context: Context) -> Iterator[Finding]:
    """Variables of pm2 that nobody reads, and a category that nobody asks."""
    known = {**env_file_values(context.folder / ".env"), **context.system.environ}
    for name in sorted(known):
        if name.upper().startswith("SN35_") and name not in VARIABLES:
            near = difflib.get_close_matches(name.upper(), VARIABLES, n=1)
            yield error(
                f"{name} is no variable of ecosystem.config.js.",
                "What it was to change has its default.",
                f"Did you mean {near[0]}? Rename it in .env, and: npx pm2 delete all, then {_START}."
                if near
                else f"Remove it; there are {', '.join(VARIABLES)}.",
            )
    category = context.settings.miner.category
    if category not in _ASKED:
        yield warning(
            f"--miner.category is {category!r}; validators ask for {', '.join(_ASKED)}.",
            "A miner of a category that no validator asks for gets no challenge.",
            f"--miner.category {_ASKED[0]}",
        )


def _exposed(context: Context) -> Iterator[Finding]:
    """What other machines may use without a key or a password."""
    served = vllm_here(context)
    if served and not is_loopback(served.host) and not served.environment.get("VLLM_API_KEY"):
        yield error(
            f"SN35_VLLM_HOST={served.host} opens vLLM to other machines, and VLLM_API_KEY is not set.",
            "Anybody who finds the port uses the GPU; challenges then wait for strangers.",
            "Remove SN35_VLLM_HOST, or set VLLM_API_KEY in .env; then npx pm2 restart all.",
        )
    try:
        password = password_of(context.settings)
    except SettingsError as complaint:
        mend = "Set another LOGICNET_CONSOLE__PASSWORD in .env: openssl rand -base64 18"
        yield error(str(complaint), "`logicnet console` does not start.", mend)
        return
    if password and _is_weak(password):
        yield warning(
            "--console.password is easy to guess: few different characters, or a word that everybody tries.",
            "Whoever guesses it sees what the miner earns and how it answers.",
            "Set another LOGICNET_CONSOLE__PASSWORD: openssl rand -base64 18",
        )


_COMMON = ("password", "passwort", "qwerty", "letmein", "welcome", "admin", "logicnet", "bittensor", "12345")
_FEWEST_DIFFERENT = 6  # of 12 characters or more


def _is_weak(password: str) -> bool:
    rest = password.lower()
    for word in _COMMON:
        rest = rest.replace(word, "")
    return len(set(password)) < _FEWEST_DIFFERENT or len(rest) < SHORTEST_PASSWORD // 2


_NOT_MINED = "After a restart of the machine nothing is mined until somebody starts the miner."
_START = "npx pm2 start ecosystem.config.js"


def boot(context: Context) -> Iterator[Finding]:
    pm2, running = Pm2.of(context.system), running_miner(context)
    app = app_of(context, running)
    if pm2.pid(app) is None and running is not None:
        yield note(
            "The miner runs without pm2.",
            f"Nothing restarts it when it ends. {_NOT_MINED}",
            f"If no other process manager does: end it, then {_START} and npx pm2 save.",
        )
        return
    if not pm2.home.is_dir():
        yield not_checked(
            f"Not checked: pm2 has never run for this user ({pm2.home}).",
            f"{_START}; with another process manager, check that it starts the miner at boot.",
        )
        return
    found = [*_running(pm2, app), *_starting(pm2, app)]
    yield from found or [ok(f"pm2 starts with the machine ({pm2.at_boot()}) and starts the miner.")]


def _running(pm2: Pm2, app: str) -> Iterator[Finding]:
    if not pm2.runs:
        yield error("pm2 does not run.", "Nothing restarts the miner when it ends.", _START)
    elif pm2.pid(app) is None:
        yield error(
            f"pm2 runs, but not its app {app}.",
            "Challenges are not answered.",
            f"npx pm2 logs {app} --nostream shows the error; then {_START}.",
        )


def _starting(pm2: Pm2, app: str) -> Iterator[Finding]:
    if app not in (pm2.saved() or ()):
        yield warning(f"pm2 has not saved its app {app}.", _NOT_MINED, "npx pm2 save")
    if pm2.at_boot() is not None:
        return
    if (pm2.system.root / "run" / "systemd" / "system").is_dir():
        yield warning(
            "pm2 does not start with the machine.",
            _NOT_MINED,
            "npx pm2 startup prints a command for root; run that, then npx pm2 save.",
        )
    else:
        yield note(
            "Not checked: without systemd (a container?) it is not known whether pm2 starts at boot.",
            _NOT_MINED,
            "Put `npx pm2 resurrect`, run in this folder, into the start command of the container, and run "
            "`npx pm2 save` now.",
            checked=False,
        )


_RESERVE = 512  # for waiting callers, strangers, files and the chain
_EACH = 6  # for a challenge: its caller, and the calls of its samplers


def limits(context: Context) -> Iterator[Finding]:
    pid = Pm2.of(context.system).pid(app_of(context, running_miner(context)))
    limit = context.system.open_files(pid)
    if limit is None:
        yield not_checked("Not checked: the limit of open files cannot be read.", "See `ulimit -n`.")
        return
    in_flight = context.settings.miner.max_in_flight
    needed = _RESERVE + _EACH * in_flight
    what = "The miner" if pid else "This shell (the miner was not found)"
    if limit >= needed:
        yield ok(f"{what} may have {limit:,} files open; {needed} are needed.")
        return
    yield warning(
        f"{what} may have {limit} files open; --miner.max_in_flight {in_flight} needs {needed}.",
        "At the limit new connections are dropped: challenges are lost under load.",
        f"ulimit -n {max(needed, 65_536)} before pm2 starts (or LimitNOFILE= in its systemd unit), then npx "
        "pm2 kill and start again.",
    )


_UPGRADE = "In the miner's environment: pip install --upgrade 'logicnet' (in a checkout: pip install -e .)"


def versions(context: Context) -> Iterator[Finding]:
    return findings(requires("logicnet") or [])


def findings(required: Sequence[str]) -> Iterator[Finding]:
    """Of requirements as in a package's metadata; those of extras are skipped."""
    unmet = [text for text in map(_unmet, required) if text]
    for text in unmet:
        yield error(
            text, "An untested combination fails late: the chain's API changes with bittensor.", _UPGRADE
        )
    if not unmet:
        ours = f"logicnet {version('logicnet')}, bittensor {version('bittensor')}"
        yield ok(f"{ours}, Python {platform.python_version()}: all requirements are met.")


def _unmet(text: str) -> str | None:
    requirement = Requirement(text)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"logicnet needs {requirement.name} {requirement.specifier}, and it is not installed."
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"logicnet needs {requirement.name} {requirement.specifier}, and {installed} is installed."
