"""Why a vLLM did not start or ended: a table from what it printed to the cause and its mend.

The patterns were taken from real output, which stands with its versions in the folder `said` of the tests.
"""

import difflib
import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Failure:
    """A row of the table.

    `cause` and `mend` are a sentence each and may name the groups of `pattern` in braces. What is `permanent`
    happens again at every start, so that nothing is gained by a restart.
    """

    pattern: str
    cause: str
    mend: str
    permanent: bool = True

    def __str__(self) -> str:
        return f"{self.cause}. {self.mend}."


_TABLE = (
    Failure(
        r"error: unrecognized arguments: (?:[^-\s]\S*\s+)*(?P<flag>[^\s=]+)",
        "vLLM does not know the flag {flag}",
        "{replacement}",
    ),
    Failure(
        r"error: argument (?P<flag>--[\w-]+)(?:/\S+)?: (?P<reason>.+)",
        "vLLM does not take this value of {flag}: {reason}",
        "Correct {flag}",
    ),
    Failure(
        r"max seq len \((?P<asked>\d+)\), \(?(?P<needed>[\d.]+) GiB KV cache is needed.*?KV cache memory "
        r"\((?P<free>[\d.]+) GiB\).*?maximum model length is (?P<most>\d+)",
        "one text of --max-model-len {asked} takes {needed} GiB of KV cache, and there are {free}",
        "Give --max-model-len {most} or less, or more memory: --gpu-memory-utilization on a GPU, "
        "VLLM_CPU_KVCACHE_SPACE on a CPU",
    ),
    Failure(
        r"max seq len \((?P<asked>\d+)\) is larger than the maximum number of tokens that can be stored in "
        r"KV cache \((?P<most>\d+)\)",
        "--max-model-len {asked} is more than the KV cache holds, {most} tokens",
        "Give --max-model-len {most} or less, or a higher --gpu-memory-utilization",
    ),
    Failure(
        r"Available memory on node \d+ \((?P<free>[\d.]+)/[\d.]+ GiB\) on kv cache allocation is less than "
        r"requested memory for kv \((?P<asked>[\d.]+) GiB\)",
        "{asked} GiB of KV cache are asked for, and {free} GiB of memory are free",
        "Lower VLLM_CPU_KVCACHE_SPACE, or stop other programs that use memory",
        permanent=False,
    ),
    Failure(
        r"Free memory on device \S*\s*\((?P<free>[\d.]+)/(?P<all>[\d.]+) GiB\) on startup is less than .*?"
        r"\([\d.]+, (?P<wanted>[\d.]+) GiB\)",
        "vLLM wants {wanted} GiB of a GPU that has {free} of {all} GiB free",
        "Stop what else uses its memory (nvidia-smi names it), or give a lower --gpu-memory-utilization",
        permanent=False,
    ),
    Failure(
        r"CUDA out of memory\. Tried to allocate (?P<wanted>[\d.]+ [KMG]iB)\. GPU \d+ has a total capacity "
        r"of (?P<all>[\d.]+ GiB)",
        "the GPU's memory is full: {wanted} more were wanted of a GPU of {all}",
        "`logicnet plan` says what fits this GPU; a smaller model or fewer --max-num-seqs help",
        permanent=False,
    ),
    Failure(
        r"No available memory for the cache blocks",
        "the weights leave no memory for any KV cache",
        "`logicnet plan` says what fits this GPU; give a higher --gpu-memory-utilization or a smaller model",
        permanent=False,
    ),
    # After the rows on the KV cache: where it is allowed, vLLM prints this as a warning before them.
    Failure(
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len \(\w+=(?P<most>\d+)",
        "--max-model-len {asked} is more than the model can read, {most} tokens",
        "Give --max-model-len {most} or less",
    ),
    Failure(
        r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<gpus>\d+)\)",
        "the model's {heads} attention heads cannot be divided among {gpus} GPUs",
        "Give a --tensor-parallel-size that divides {heads}",
    ),
    Failure(
        r"Model architecture (?P<kind>\S+) was supported in vLLM until v(?P<last>[\d.]*\d)",
        "no vLLM after {last} serves models of the kind {kind}",
        "Take another model (`logicnet models`), or name a Python that has that vLLM with --python",
    ),
    Failure(
        r"Model architectures \['(?P<kind>\w+)'.*?\] are not supported for now",
        "this vLLM does not know models of the kind {kind}",
        "Take another model (`logicnet models`), or a newer vLLM if the model is new",
    ),
    Failure(
        r"Access to model (?P<model>\S+) is restricted and you are not in the authorized list",
        "the model {model} is gated, and this account has no access to it",
        "Ask for access at https://huggingface.co/{model}, and put a token of that account into HF_TOKEN",
    ),
    Failure(
        r"(?:Access to model|Repo model) (?P<model>\S+?)\.? is (?:restricted|gated)",
        "the model {model} is gated, and HF_TOKEN holds no token that opens it",
        "Ask for access at https://huggingface.co/{model}, and put a token of that account into HF_TOKEN",
    ),
    Failure(
        r"Repository Not Found for url: https?://[^/]+/(?:api/models/)?(?P<model>[^/\s]+/[^/\s]+?)[/.]?\s"
        r"|(?P<name>\S+) is not a local folder and is not a valid model identifier",
        "the hub has no model {model}, or hides it from this account",
        "Correct --model, or put a token that may see it into HF_TOKEN",
    ),
    Failure(
        r"HFValidationError: Repo id must .*?: '(?P<folder>[^']+)'",
        "there is no folder {folder}, and no model of the hub has such a name",
        "Correct --model: a folder with a config.json, or MAKER/MODEL",
    ),
    Failure(
        r"LocalEntryNotFoundError: .*outgoing traffic has been disabled",
        "the model is not on this disk, and HF_HUB_OFFLINE forbids to download it",
        "Unset HF_HUB_OFFLINE for the first start, or give --model a folder",
    ),
    Failure(
        r"We couldn't connect to 'https?://\S+' to load|LocalEntryNotFoundError: .*check your connection",
        "the model is not on this disk, and huggingface.co cannot be reached",
        "Check this machine's network and DNS; the supervisor tries again",
        permanent=False,
    ),
    Failure(
        r"Address already in use",
        "another program listens on vLLM's port",
        "Stop it, or give another --port",
        permanent=False,
    ),
    Failure(
        r"No module named 'vllm'",
        "this Python has no vLLM",
        "Install it (pip install 'logicnet[vllm]'), or name a Python that has it with --python",
    ),
    Failure(
        r"No space left on device",
        "the disk is full",
        "Free space in HF_HOME (default: ~/.cache/huggingface): a model takes 2 GB for each 1e9 parameters",
        permanent=False,
    ),
    Failure(
        r"EngineDeadError|engine core exited unexpectedly",
        "vLLM's engine died",
        "Its own reason stands above; `dmesg` shows whether the kernel killed it for its memory",
        permanent=False,
    ),
)
"""The first row that matches counts: reasons of a failure stand before the failures that follow."""

_RENAMED = {"--precision": "--dtype float16", "--shard": "--tensor-parallel-size N"}
"""Flags that guides for this subnet name and no vLLM has, with what they mean."""

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


def recognise(output: str) -> Failure | None:
    """The failure that `output` shows, its sentences filled in; None if no row matches."""
    for row in _TABLE:
        match = re.search(row.pattern, output)
        if match is None:
            continue
        groups = {name: text for name, text in match.groupdict().items() if text is not None}
        if "name" in groups:
            groups["model"] = groups["name"]
        if "flag" in groups:
            groups["replacement"] = _replacement(groups["flag"], output)
        return replace(row, cause=row.cause.format(**groups), mend=row.mend.format(**groups))
    return None


def _replacement(flag: str, output: str) -> str:
    """What to give instead of a flag, from the list that vLLM's parser prints with its refusal."""
    known = sorted(set(_FLAG.findall(output)) - {flag})
    close = difflib.get_close_matches(flag, known, n=1, cutoff=0.75)
    meant = _RENAMED.get(flag) or (close[0] if close else None)
    return f"Give {meant} instead" if meant else "Leave it out, or see `vllm serve --help=all`"


def last_error(output: str) -> str:
    """The line of `output` that most likely says what was wrong: the last that names an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"(Error|Exception)\b|[Ee]rror:", line)]
    return (errors or lines or ["it printed nothing"])[-1]
