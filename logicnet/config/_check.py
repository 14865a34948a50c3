"""Checks across settings, and against the files and solvers of this machine."""

import difflib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from logicnet.config._endpoints import endpoints
from logicnet.config._read import Config
from logicnet.config._table import table
from logicnet.config._words import either, quoted, stop_if
from logicnet.errors import SettingsError
from logicnet.settings import is_endpoint_file

_LOCAL_DOMAINS = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


def check(config: Config) -> None:
    """Raises SettingsError, with a line for each fault, if a miner cannot start with these settings."""
    stop_if([*_chain(config), *_solvers(config), *_profiles(config), *_models(config)])


def _chain(config: Config) -> Iterator[str]:
    written = config.written(table()["chain.file"])
    file = config.settings.chain.file
    if file and not config.settings.offline:
        yield f"{written} is for mining without a chain: add --offline, or remove the file."
    elif config.settings.offline and not file:
        offline = config.written(table()["offline"])
        yield f"{offline} takes the network from a file: name it with {written}."
    elif file and not _is_file(file):
        yield f"{written}: there is no file {quoted(str(file))}."


def _solvers(config: Config) -> Iterator[str]:
    from logicnet.solver import solver_names  # noqa: PLC0415 (slow to import)

    miner, names = config.settings.miner, solver_names()
    for setting, solver in (("miner.solver", miner.solver), ("miner.shadow", miner.shadow)):
        if solver is not None and solver not in names:
            near = difflib.get_close_matches(solver, names, n=1)
            written = config.written(table()[setting])
            end = f"; did you mean {near[0]}?" if near else "."
            yield f"{written} takes {either(names)}; got {quoted(solver)}{end}"
    share = table()["miner.shadow_share"]
    if miner.shadow == miner.solver:
        written = config.written(table()["miner.shadow"])
        yield f"{written} is --miner.solver itself ({miner.solver}): name another solver, or remove it."
    elif miner.shadow is None and share in config.given:
        yield f"{config.written(share)} has no effect without a shadow: add --miner.shadow, or remove it."


def _profiles(config: Config) -> Iterator[str]:
    file = config.settings.miner.profiles
    if file and not _is_file(file):
        yield f"{config.written(table()['miner.profiles'])}: there is no file {quoted(str(file))}."


def _models(config: Config) -> Iterator[str]:
    client = config.settings.miner.llm_client
    try:
        listed = endpoints(client)
    except SettingsError as error:
        yield str(error)
        return
    plain = {one for one in client.sources if not is_endpoint_file(one)}
    for spec in listed:
        if spec.url in plain:
            yield from _key(config, spec.url)
        elif spec.key is None and urlsplit(spec.url).scheme == "https" and not _is_local(_host(spec.url)):
            yield (
                f"{_host(spec.url)} needs a key: set the endpoint's key_env, the name of the variable that "
                "holds it; for a server without keys any word will do."
            )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _key(config: Config, base_url: str) -> Iterator[str]:
    setting = table()["miner.llm_client.key"]
    url, host = urlsplit(base_url), _host(base_url)
    given = config.given.get(setting)
    if _is_local(host):
        return
    if given is None and url.scheme == "https":
        yield (
            f"{setting.flag} (or {setting.known_as[0]} in the environment or .env) is missing: "
            f"{host} needs a key; for a server without keys any word will do."
        )
    elif given is not None and url.scheme == "http" and given.name in setting.known_as:
        # The variable may hold a key for another server.
        yield (
            f"{given.written} would be sent to {host} unencrypted: use https://, "
            f"or set the key of this server with {setting.flag}."
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder without permission
        return False


def _is_local(host: str) -> bool:
    """Whether a host is this machine or on its own network, judged by the name."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_DOMAINS)
