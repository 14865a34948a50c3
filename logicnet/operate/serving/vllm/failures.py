"""Failure: why a vLLM did not start or ended, known by what it printed, with the mend in plain words.

The patterns were taken from real output, which stands with its versions in the folder `said` of the tests.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """`what` happened and how to `mend` it, a sentence each. `lasting`: trying again mends nothing."""

    name: str
    what: str
    mend: str
    lasting: bool = True

    def __str__(self) -> str:
        return f"{self.what}. {self.mend}."


_RENAMED = {"--precision": "--dtype float16", "--shard": "--tensor-parallel-size N"}
"""Flags that guides for this subnet name and no vLLM has, with what they mean."""

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


def _unknown_flag(found: re.Match[str], text: str) -> Failure:
    words = found[1].split()
    flag = next((word for word in words if word.startswith("-")), words[0]).partition("=")[0]
    known = sorted(set(_FLAG.findall(text)) - {flag})
    close = difflib.get_close_matches(flag, known, n=1, cutoff=0.75)
    meant = _RENAMED.get(flag) or (close[0] if close else None)
    mend = f"Give {meant} instead" if meant else "Leave it out, or see `vllm serve --help=all`"
    return Failure("unknown flag", f"vLLM does not know the flag {flag}", mend)


def _bad_value(found: re.Match[str], _: str) -> Failure:
    flag = found[1].partition("/")[0]
    return Failure("bad value", f"vLLM does not take this value of {flag}: {found[2]}", f"Correct {flag}")


def _beyond_model(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "context beyond the model",
        f"--max-model-len {found[1]} is more than the model can read, {found[2]} tokens",
        f"Give --max-model-len {found[2]} or less",
    )


def _beyond_cache(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "context beyond the KV cache",
        f"one text of --max-model-len {found[1]} takes {found[2]} GiB of KV cache, and there are {found[3]}",
        f"Give --max-model-len {found[4]} or less, or more memory: --gpu-memory-utilization on a GPU, "
        "VLLM_CPU_KVCACHE_SPACE on a CPU",
    )


def _beyond_cache_before(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "context beyond the KV cache",
        f"--max-model-len {found[1]} is more than the KV cache holds, {found[2]} tokens",
        f"Give --max-model-len {found[2]} or less, or a higher --gpu-memory-utilization",
    )


def _cpu_memory(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "out of memory",
        f"{found[2]} GiB of KV cache are asked for, and {found[1]} GiB of memory are free",
        "Set VLLM_CPU_KVCACHE_SPACE lower, or end what else takes memory",
        lasting=False,
    )


def _card_in_use(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "out of memory",
        f"vLLM wants {found[3]} GiB of a card that has {found[1]} of {found[2]} GiB free",
        "End what else holds memory of it (nvidia-smi names it), or give a lower --gpu-memory-utilization",
        lasting=False,
    )


def _card_full(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "out of memory",
        f"the GPU's memory is full: {found[1]} more were wanted of a card of {found[2]}",
        "`logicnet plan` says what fits this card; a smaller model or fewer --max-num-seqs help",
        lasting=False,
    )


def _no_cache_left(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "out of memory",
        "the weights leave no memory for any KV cache",
        "`logicnet plan` says what fits this card; give a higher --gpu-memory-utilization or a smaller model",
        lasting=False,
    )


def _heads(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "heads not shared evenly",
        f"the model's {found[1]} attention heads cannot be shared by {found[2]} cards",
        f"Give a --tensor-parallel-size that divides {found[1]}",
    )


def _no_more(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "model not served",
        f"no vLLM after {found[2]} serves models of the kind {found[1]}",
        "Take another (`logicnet models`), or name a Python that has that vLLM with --python",
    )


def _unknown_architecture(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "model not served",
        f"this vLLM does not know models of the kind {found[1]}",
        "Take another (`logicnet models`), or a newer vLLM if the model is new",
    )


def _gated(found: re.Match[str], text: str) -> Failure:
    name = found[1].rstrip(".")
    refused = "not in the authorized list" in text
    mend = "and put a token of that account into HF_TOKEN"
    return Failure(
        "no token",
        f"the model {name} is gated, and the hub does not let "
        + ("this account have it" if refused else "strangers have it"),
        f"Ask for access at https://huggingface.co/{name}, {mend}",
    )


def _no_such_model(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "missing model",
        f"the hub has no model {found[1]}, or hides it from this account",
        "Correct --model, or put a token that may see it into HF_TOKEN",
    )


def _no_folder(found: re.Match[str], _: str) -> Failure:
    return Failure(
        "missing model",
        f"there is no folder {found[1]}, and a model of the hub is not named like that",
        "Correct --model: a folder with a config.json, or MAKER/MODEL",
    )


def _told_offline(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "missing model",
        "the model is not on this disk, and HF_HUB_OFFLINE forbids to fetch it",
        "Take HF_HUB_OFFLINE away for the first start, or give --model a folder",
    )


def _hub_away(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "hub away",
        "the model is not on this disk, and huggingface.co cannot be reached",
        "See whether this machine has a network and DNS; it is tried again",
        lasting=False,
    )


def _port_taken(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "port taken",
        "another program listens on vLLM's port",
        "End it, or give another --port",
        lasting=False,
    )


def _no_vllm(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "no vLLM",
        "this Python has no vLLM",
        "Install it (pip install 'logicnet[vllm]'), or name one that has it with --python",
    )


def _disk_full(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "disk full",
        "the disk is full",
        "Make room where HF_HOME is (else ~/.cache/huggingface): a model takes 2 GB for each 1e9 parameters",
        lasting=False,
    )


def _engine_died(_: re.Match[str], __: str) -> Failure:
    return Failure(
        "engine died",
        "vLLM's engine died",
        "Its own reason stands above; the kernel's log (dmesg) tells of a process ended for its memory",
        lasting=False,
    )


_Make = Callable[[re.Match[str], str], Failure]

_KNOWN: Sequence[tuple[re.Pattern[str], _Make]] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"error: unrecognized arguments: (.+)", _unknown_flag),
        (r"error: argument (--[\w/-]+): (.+)", _bad_value),
        (
            r"max seq len \((\d+)\), \(?([\d.]+) GiB KV cache is needed.*?KV cache memory \(([\d.]+) GiB\)"
            r".*?maximum model length is (\d+)",
            _beyond_cache,
        ),
        (
            r"max seq len \((\d+)\) is larger than the maximum number of tokens that can be stored in KV "
            r"cache \((\d+)\)",
            _beyond_cache_before,
        ),
        (
            r"Available memory on node \d+ \(([\d.]+)/[\d.]+ GiB\) on kv cache allocation is less than "
            r"requested memory for kv \(([\d.]+) GiB\)",
            _cpu_memory,
        ),
        (
            r"Free memory on device \S*\s*\(([\d.]+)/([\d.]+) GiB\) on startup is less than .*?"
            r"\([\d.]+, ([\d.]+) GiB\)",
            _card_in_use,
        ),
        (
            r"CUDA out of memory\. Tried to allocate ([\d.]+ [KMG]iB)\. GPU \d+ has a total capacity of "
            r"([\d.]+ GiB)",
            _card_full,
        ),
        (r"No available memory for the cache blocks", _no_cache_left),
        # After those above: where it is allowed, this is a warning before them.
        (
            r"max_model_len \((\d+)\) is greater than the derived max_model_len \(\w+=(\d+)",
            _beyond_model,
        ),
        (r"attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)", _heads),
        (r"Model architecture (\S+) was supported in vLLM until v([\d.]*\d)", _no_more),
        (r"Model architectures \['(\w+)'.*?\] are not supported for now", _unknown_architecture),
        (r"Access to model (\S+) is restricted", _gated),
        (r"Repo model (\S+) is gated", _gated),
        (
            r"Repository Not Found for url: https?://[^/]+/(?:api/models/)?([^/\s]+/[^/\s]+?)[/.]?\s",
            _no_such_model,
        ),
        (r"(\S+) is not a local folder and is not a valid model identifier", _no_such_model),
        (r"HFValidationError: Repo id must .*?: '([^']+)'", _no_folder),
        (r"LocalEntryNotFoundError: .*outgoing traffic has been disabled", _told_offline),
        (r"We couldn't connect to 'https?://\S+' to load", _hub_away),
        (r"LocalEntryNotFoundError: .*check your connection", _hub_away),
        (r"Address already in use", _port_taken),
        (r"No module named 'vllm'", _no_vllm),
        (r"No space left on device", _disk_full),
        (r"EngineDeadError|engine core exited unexpectedly", _engine_died),
    )
)
"""The first that is found counts: the reasons of a failure before the failures that follow from it."""


def recognise(output: str) -> Failure | None:
    """The failure that `output` tells of; None if we know none like it."""
    for pattern, make in _KNOWN:
        found = pattern.search(output)
        if found is not None:
            return make(found, output)
    return None


def last_words(output: str) -> str:
    """The line of `output` that most likely says what was wrong: the last that names an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"\w*(Error|Exception)\b|[Ee]rror:", line)]
    return (named or lines or ["it printed nothing"])[-1]
