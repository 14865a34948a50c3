"""The apps that pm2 starts, from its variables (SN35_...) and `.env`.

ecosystem.config.js runs `python -m logicnet.config.started`, which prints arguments and environment of each
app as JSON. `as_started` gives the settings that the miner then has, for `logicnet doctor` and `config`.
"""

import json
import os
import re
import shlex
import sys
import sysconfig
from argparse import ArgumentError, ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from logicnet._util.net import LOOPBACK, connect_url
from logicnet.config import Config, Given, read, table
from logicnet.config.running import running_flags
from logicnet.errors import SettingsError

_CHECKOUT = Path(__file__).resolve().parents[2]

_MINER = "sn35-miner"
_DEFAULT_MODEL = "Qwen/Qwen2.5-7B-Instruct"
_DEFAULT_PORT = "8000"

_BASE_URL = "LOGICNET_MINER__LLM_CLIENT__BASE_URL"
_BASE_URL_FLAG = "--miner.llm_client.base_url"
_KEY = "LOGICNET_MINER__LLM_CLIENT__KEY"
_DERIVED = {_BASE_URL: "SN35_VLLM_PORT", _KEY: "VLLM_API_KEY"}
"""Settings of the miner that follow from pm2's variables."""

VARIABLES = (
    *(f"SN35_VLLM{end}" for end in ("", "_MODEL", "_HOST", "_PORT", "_FLAGS", "_PYTHON")),
    *("SN35_MINER_PYTHON", "SN35_MINER_FLAGS", "SN35_HOTKEYS", "SN35_LOGS", "SN35_ENV_FILE"),
)
"""The variables of ecosystem.config.js."""

HOTKEYS = "SN35_HOTKEYS"
_HOTKEY_FLAG = "--wallet.hotkey"
_OWN_PORTS = ("axon.port", "axon.external_port", "admin.port")
_OWN = ("wallet.hotkey", *_OWN_PORTS, "ledger.path")
"""Settings in which the miners of several hotkeys differ."""

_FOR_VLLM = re.compile(r"(VLLM|HF|HUGGING_?FACE|AWS|MODELSCOPE)_", re.IGNORECASE)
_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|MNEMONIC)$|^BT_PW_|^SN35_MINER_FLAGS$", re.IGNORECASE)


def as_started(
    argv: Sequence[str], environ: Mapping[str, str] = os.environ, env_file: Path = Path(".env")
) -> Config:
    """Settings of `argv`, as `logicnet.config.read` makes them, with what pm2 adds. Raises SettingsError.

    Where pm2's variables name no flags, those of the miner that runs in this folder count.
    """
    known = {**env_file_values(env_file), **environ}
    words = [*(_words(known, "SN35_MINER_FLAGS") or running_flags(env_file.absolute().parent)), *argv]
    derived = _derived(known, words)
    found = read(words, {**derived, **environ}, env_file)
    origins = {name: _DERIVED[name] for name in derived}
    if own := own_settings(known, found.settings.wallet.hotkey):
        found = read(words, {**derived, **environ, **own}, env_file)
        origins |= dict.fromkeys(own, HOTKEYS)
    sources = {
        setting: Given(given.text, origins[given.name], "pm2, from") if given.name in origins else given
        for setting, given in found.given.items()
    }
    return replace(found, given=sources)


def others_started(
    argv: Sequence[str], environ: Mapping[str, str] = os.environ, env_file: Path = Path(".env")
) -> list[Config]:
    """The settings of the miners that pm2 starts beside that of `as_started`, unless `argv` names one."""
    if any(word.partition("=")[0] == _HOTKEY_FLAG for word in argv):
        return []
    others = set(hotkeys({**env_file_values(env_file), **environ}))
    if others:
        others -= {as_started(argv, environ, env_file).settings.wallet.hotkey}
    return [as_started([*argv, f"{_HOTKEY_FLAG}={name}"], environ, env_file) for name in sorted(others)]


def hotkeys(known: Mapping[str, str]) -> Sequence[str]:
    """Those of SN35_HOTKEYS, each with a miner of its own; none where there is one miner.

    Raises SettingsError if one is named twice.
    """
    names = [name.strip() for name in (known.get(HOTKEYS) or "").split(",") if name.strip()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SettingsError(f"{HOTKEYS} names {twice[0]} twice: give each hotkey once, as a,b,c.")
    return names


def own_settings(known: Mapping[str, str], hotkey: str) -> dict[str, str]:
    """Variables of the miner of `hotkey`, if it is one of several: ports in a row, a ledger of its own."""
    names = hotkeys(known)
    if hotkey not in names:
        return {}
    settings, place = table(), names.index(hotkey)
    found = {settings["wallet.hotkey"].variable: hotkey}
    for setting in (settings[name] for name in _OWN_PORTS):
        port = known.get(setting.variable) or str(setting.default or "")
        if port.isdecimal():
            found[setting.variable] = str(int(port) + place)
    ledger = settings["ledger.path"].variable
    if place and (path := known.get(ledger)):  # by default each hotkey has a file of its own
        found[ledger] = str(Path(path).with_stem(f"{Path(path).stem}-{hotkey}"))
    return found


def started_app(hotkey: str, environ: Mapping[str, str] = os.environ, env_file: Path = Path(".env")) -> str:
    """As `miner_app`, by the variables that `as_started` reads. Raises SettingsError."""
    return miner_app({**env_file_values(env_file), **environ}, hotkey)


def miner_app(known: Mapping[str, str], hotkey: str) -> str:
    """The name of the app in pm2."""
    return f"{_MINER}-{hotkey}" if hotkey in hotkeys(known) else _MINER


@dataclass(frozen=True, slots=True)
class StartedVllm:
    """The vLLM that ecosystem.config.js starts. `environment`: what it gets, with `.env`."""

    model: str
    host: str
    flags: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)  # it may hold secrets


def started_vllm(environ: Mapping[str, str], env_file: Path) -> StartedVllm | None:
    """None where pm2 starts no vLLM. Raises SettingsError."""
    known = {**env_file_values(env_file), **environ}
    if known.get("SN35_VLLM") == "false":
        return None
    flags = _words(known, "SN35_VLLM_FLAGS")
    model, host = known.get("SN35_VLLM_MODEL"), known.get("SN35_VLLM_HOST")
    return StartedVllm(model or _DEFAULT_MODEL, host or LOOPBACK, flags, known)


def env_file_values(env_file: Path) -> dict[str, str]:
    """The values of `.env` that are not empty; nothing if it cannot be read."""
    return {name: value for name, value in _env_file(env_file).items() if value}


def apps(environ: Mapping[str, str] = os.environ) -> dict[str, dict[str, Any]]:
    """The apps that pm2 starts, by name: `script`, `args` and `env` of each. Raises SettingsError."""
    known = {**_env_file(Path(environ.get("SN35_ENV_FILE") or ".env")), **environ}
    flags = _words(known, "SN35_MINER_FLAGS")
    derived, program = _derived(known, flags), _program("neurons/miner/miner.py", "mine", flags)
    names = hotkeys(known)
    own_flags = {f"--{name}" for name in _OWN} & {word.partition("=")[0] for word in flags}
    if names and own_flags:
        raise SettingsError(
            f"SN35_MINER_FLAGS gives {min(own_flags)} to all miners of {HOTKEYS}, and each has its own: put "
            f"it into .env, as {table()[min(own_flags)[2:]].variable}; the others count on from there."
        )
    found: dict[str, dict[str, Any]] = {}
    if known.get("SN35_VLLM") != "false":
        # Passwords, keys of other servers and the miner's flags (there may be a key among them) are hidden
        # from vLLM. They are emptied, not left out, because pm2 adds the shell's environment to ours.
        hidden = {name: "" for name in known if _SECRET.search(name) and not _FOR_VLLM.match(name)}
        vllm = {"env": {**known, **hidden}}
        found["sn35-vllm"] = vllm | _program("scripts/serve_vllm.py", "vllm", _vllm_args(known))
    for name in names or [""]:
        own = own_settings(known, name)
        found[miner_app(known, name)] = {"env": {**derived, **known, **own}, **program}
    return found


def _program(script: str, command: str, args: list[str]) -> dict[str, Any]:
    """The checkout's `script`; `logicnet COMMAND` where the package was installed from a wheel."""
    if (_CHECKOUT / script).is_file():
        return {"script": str(_CHECKOUT / script), "args": args}
    return {"script": str(Path(sysconfig.get_path("scripts"), "logicnet")), "args": [command, *args]}


def _env_file(path: Path) -> dict[str, str]:
    try:
        found = dotenv_values(path, interpolate=False)
        return {name: value for name, value in found.items() if value is not None}
    except (OSError, UnicodeDecodeError):
        return {}


def _words(known: Mapping[str, str], name: str) -> list[str]:
    try:
        return shlex.split(known.get(name) or "")
    except ValueError as error:
        raise SettingsError(f"{name} cannot be split into words ({error}): quote it as in a shell.") from None


def _vllm_args(known: Mapping[str, str]) -> list[str]:
    args = ["--model", known.get("SN35_VLLM_MODEL") or _DEFAULT_MODEL]
    args += ["--host", known.get("SN35_VLLM_HOST") or LOOPBACK]
    args += ["--port", known.get("SN35_VLLM_PORT") or _DEFAULT_PORT]
    args += _words(known, "SN35_VLLM_FLAGS")
    python = known.get("SN35_VLLM_PYTHON")
    if python:  # a bare name is looked up on the PATH
        args += ["--python", os.path.abspath(python) if "/" in python else python]  # noqa: PTH100 (no symlinks)
    return args


def _derived(known: Mapping[str, str], flags: Sequence[str]) -> dict[str, str]:
    """Address and key of the vLLM that pm2 starts, unless the miner asks another server."""
    named = any(word.partition("=")[0] == _BASE_URL_FLAG for word in flags)
    if named or known.get(_BASE_URL) or known.get("SN35_VLLM") == "false":
        return {}
    found = {}
    host, port, key = (known.get(name) for name in ("SN35_VLLM_HOST", "SN35_VLLM_PORT", "VLLM_API_KEY"))
    replicas = _replicas(_words(known, "SN35_VLLM_FLAGS"))
    if host or port or replicas > 1:
        ports = [port or _DEFAULT_PORT]
        if ports[0].isdecimal():  # else vLLM will say so
            ports = [str(int(ports[0]) + place) for place in range(replicas)]
        found[_BASE_URL] = ",".join(f"{connect_url(host or LOOPBACK, one)}/v1" for one in ports)
    if key and not known.get(_KEY):
        found[_KEY] = key
    return found


def _replicas(flags: Sequence[str]) -> int:
    """Of `logicnet vllm`, whose ports are in a row."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--replicas", type=int, default=1)
    try:
        given: int = parser.parse_known_args(flags)[0].replicas
        return max(1, given)
    except ArgumentError:  # `logicnet vllm` will say so
        return 1


if __name__ == "__main__":
    try:
        print(json.dumps(apps()))
    except SettingsError as wrong:
        sys.exit(str(wrong))
