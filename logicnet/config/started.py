"""Started: the settings that the miner has when pm2 starts it, which are more than `.env` says to itself.

ecosystem.config.js hands the miner its flags (SN35_MINER_FLAGS) and, where nothing else names a model server,
the address and the key of the vLLM that it starts beside it. A doctor who did not know would look elsewhere.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values

from logicnet._util.net import LOOPBACK, near_url
from logicnet.config import Config, Given, read
from logicnet.errors import SettingsError

_BASE_URL = "LOGICNET_MINER__LLM_CLIENT__BASE_URL"
_FLAG = "--miner.llm_client.base_url"
_KEY = "LOGICNET_MINER__LLM_CLIENT__KEY"
_TOLD = {_BASE_URL: "SN35_VLLM_PORT", _KEY: "VLLM_API_KEY"}
"""What ecosystem.config.js makes these settings of."""

_OURS = ("SN35_VLLM_HOST", "SN35_VLLM_PORT", "SN35_VLLM_MODEL", "SN35_VLLM_FLAGS", "SN35_VLLM_PYTHON")


def as_started(
    argv: Sequence[str], environ: Mapping[str, str] = os.environ, env_file: Path = Path(".env")
) -> Config:
    """Settings of `argv`, as `logicnet.config.read` makes them, with what ecosystem.config.js adds.

    Raises SettingsError.
    """
    known = {**kept(env_file), **environ}
    flags = known.get("SN35_MINER_FLAGS") or ""
    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise SettingsError(f"SN35_MINER_FLAGS cannot be taken apart: {error}.") from None
    every = [*words, *argv]
    ours = _vllm(known, every)
    found = read(every, {**ours, **environ}, env_file)
    told = {
        setting: Given(given.text, _TOLD[given.name], "pm2, from") if given.name in ours else given
        for setting, given in found.given.items()
    }
    return replace(found, given=told)


def kept(env_file: Path) -> dict[str, str]:
    """What `.env` has, for whomever; nothing if it cannot be read."""
    try:
        found = dotenv_values(env_file, interpolate=False)
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in found.items() if value}


def _vllm(known: Mapping[str, str], flags: Sequence[str]) -> dict[str, str]:
    """Where the vLLM listens that pm2 starts, and its key."""
    named = any(word.partition("=")[0] == _FLAG for word in flags)  # its own key, or none, goes there
    elsewhere = named or known.get(_BASE_URL) or known.get("SN35_VLLM") == "false"
    if elsewhere or not any(map(known.get, _OURS)):
        return {}
    key = known.get("VLLM_API_KEY")
    url = near_url(known.get("SN35_VLLM_HOST") or LOOPBACK, known.get("SN35_VLLM_PORT") or "8000")
    found = {_BASE_URL: f"{url}/v1"}
    return {**found, _KEY: key} if key and not known.get(_KEY) else found
