"""`logicnet models` and `logicnet plan`: words of the command line into plans, and those onto the screen."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.catalogue import ModelCatalogue, find_model, load
from logicnet.operate.serving.gpus import Machine, cpu, detect, gpus_of_size
from logicnet.operate.serving.plan import ENOUGH_AT_ONCE, Misfit, ServingPlan, plan
from logicnet.operate.serving.tables import models_json, models_table, plan_json, plans_table, print_plan

_RECENT = 2024
"""Models of before are planned when they are asked for by name, and never suggested."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What was asked. Without `vram_gb` and `on_cpu` the machine's GPUs are looked at."""

    model: str | None = None
    vram_gb: float | None = None
    gpus: int = 1
    on_cpu: bool = False
    catalogue: Path | None = None
    as_json: bool = False


_PIPE_WIDTH = 200


def console() -> Console:
    """Standard output; in a pipe wide enough for every row to be one line."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def show_models(catalogue: Path | None, *, as_json: bool) -> None:
    """Print the catalogue."""
    found = load(catalogue)
    if as_json:
        print(json.dumps(models_json(found), indent=2))
        return
    out = console()
    out.print(models_table(found, out.width))
    out.print(
        "GB: weights, overhead and 8,192 tokens of KV cache; `logicnet plan` says how to make do with less."
    )


def run(options: PlanOptions) -> int:
    """Print the plan for one model, or which models fit. Returns 0, or 1 if none does."""
    machine = machine_of(options)
    catalogue = load(options.catalogue)
    if options.model is not None:
        return _one(options, machine, plan(find_model(options.model, catalogue), machine))
    found = [plan(model, machine) for model in catalogue.models]
    fits = sorted(
        (one for one in found if isinstance(one, ServingPlan)), key=lambda one: _order(catalogue, one)
    )
    misfits = [one for one in found if isinstance(one, Misfit)]
    if options.as_json:
        print(json.dumps([*map(plan_json, fits), *map(plan_json, misfits)], indent=2))
    else:
        _print(console(), machine, fits, misfits)
    return 0 if fits else 1


def planned(options: PlanOptions) -> ServingPlan:
    """The plan to start: of the named model, or the first that fits. LogicnetError if there is none."""
    machine = machine_of(options)
    catalogue = load(options.catalogue)
    if options.model is not None:
        found = plan(find_model(options.model, catalogue), machine)
        if isinstance(found, Misfit):
            raise LogicnetError(f"{found.model.name} does not fit on {machine}: {found.reason}")
        return found
    fits = [
        one for one in (plan(model, machine) for model in catalogue.models) if isinstance(one, ServingPlan)
    ]
    if not fits:
        raise LogicnetError(f"no model of the catalogue fits on {machine}; `logicnet plan` says why")
    return min(fits, key=lambda one: _order(catalogue, one))


def machine_of(options: PlanOptions) -> Machine:
    if options.on_cpu and options.vram_gb is not None:
        raise SettingsError("--cpu and --vram exclude each other")
    if options.on_cpu:
        return cpu()
    return detect() if options.vram_gb is None else gpus_of_size(options.vram_gb, options.gpus)


def _order(catalogue: ModelCatalogue, one: ServingPlan) -> tuple[bool, bool, bool, int, bool, int]:
    """Not poor, not old, room for a batch; then the largest, those that answer briefly first.

    Volume comes last: all of it is worth a tenth of the reward, and being right far more.
    """
    model = one.model
    poor, old = catalogue.is_poor(model), (model.year or _RECENT) < _RECENT
    # Of a mixture of experts the mean of all parameters and those that a token meets says what it can do.
    size = math.sqrt(model.parameters * model.active_parameters) / 1e9
    return poor, old, one.at_once < ENOUGH_AT_ONCE, -round(size), model.thinks, -one.per_interval


def _one(options: PlanOptions, machine: Machine, found: ServingPlan | Misfit) -> int:
    if options.as_json:
        print(json.dumps(plan_json(found), indent=2))
    elif isinstance(found, ServingPlan):
        out = console()
        _notes(out, machine)
        print_plan(out, found)
    else:
        raise LogicnetError(f"{found.model.name} does not fit on {machine}: {found.reason}")
    return 0 if isinstance(found, ServingPlan) else 1


def _notes(out: Console, machine: Machine) -> None:
    for note in machine.notes:
        out.print(note, markup=False, highlight=False)


def _print(out: Console, machine: Machine, fits: Sequence[ServingPlan], misfits: Sequence[Misfit]) -> None:
    out.print(f"For {machine}.", markup=False, highlight=False)
    _notes(out, machine)
    if fits:
        out.print(plans_table(fits, out.width))
    if misfits:
        out.print("\nNot these:", highlight=False)
    for one in misfits:
        out.print(f"  {one.model.name}: {one.reason}", markup=False, highlight=False)
    out.print()
    if fits:
        print_plan(out, fits[0])
    else:
        out.print(
            f"Nothing fits {machine}: take a larger card (`logicnet models` says how large), or name a "
            "server elsewhere with --miner.llm_client.base_url.",
            markup=False,
            highlight=False,
        )
