"""What `logicnet models` and `logicnet plan` print, and the plan that `logicnet vllm` starts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from logicnet.errors import LogicnetError
from logicnet.operate.serving.catalogue import Model, ModelCatalogue, load
from logicnet.operate.serving.cluster import check_cluster
from logicnet.operate.serving.find import find_model
from logicnet.operate.serving.gpus import Machine, cpu, detect, gpus_named, gpus_of_size
from logicnet.operate.serving.options import PlanOptions, ShownPlanOptions
from logicnet.operate.serving.plan import Layout, Misfit, ServingPlan, plan
from logicnet.operate.serving.tables import models_json, models_table, plan_json, plans_table, print_plan


def console() -> Console:
    """Standard output; in a pipe wide enough for every row to be one line."""
    out = Console(highlight=False, markup=False)
    return out if out.is_terminal else Console(highlight=False, markup=False, width=200)


def show_models(catalogue: Path | None, *, as_json: bool) -> None:
    """Print the catalogue."""
    found = load(catalogue)
    if as_json:
        print(json.dumps(models_json(found), indent=2))
        return
    out = console()
    out.print(models_table(found, out.width))
    out.print("GB: weights, overhead and 8,192 tokens of KV cache; `logicnet plan` fits some into less.")


def run(options: ShownPlanOptions) -> int:
    """Print the plan for one model, or for every model that fits. Returns 1 if none fits."""
    machine, catalogue, out = machine_of(options), load(options.catalogue), console()
    if options.model is not None:
        one = _over_hosts(find_model(options.model, catalogue), machine, options)
        if not options.as_json:
            _show(out, _fitting(one), options)
            return 0
        print(json.dumps(plan_json(one), indent=2))
        return int(isinstance(one, Misfit))
    found = [_over_hosts(model, machine, options) for model in catalogue.models]
    fits, misfits = _ranked(found, catalogue)
    if options.as_json:
        print(json.dumps([*map(plan_json, fits), *map(plan_json, misfits)], indent=2))
        return int(not fits)
    out.print("\n".join([f"For {machine}.", *machine.notes]))
    if fits:
        out.print(plans_table(fits, catalogue, out.width))
    if misfits:
        out.print("\n".join(["\nNot these:", *(f"  {one.model.name}: {one.reason}" for one in misfits)]))
    out.print()
    if fits:
        _show(out, fits[0], options, notes=False)
        return 0
    out.print(
        f"Nothing fits {machine}: take a larger GPU (`logicnet models` says how large), or name a server "
        "elsewhere with --miner.llm_client.base_url."
    )
    return 1


def _show(out: Console, one: ServingPlan, options: ShownPlanOptions, *, notes: bool = True) -> None:
    """The plan and, if it is asked for, whether a Ray cluster has what it takes."""
    print_plan(out, one, notes=notes, hosts=options.hosts)
    if options.ray is not None:
        out.print(f"\n{check_cluster(options.ray, options.hosts, one.gpus * one.replicas)}")


def planned(options: PlanOptions, layout: Layout | None = None) -> ServingPlan:
    """The plan to start: of the named model, or the best that fits. Raises LogicnetError if no model fits."""
    machine, catalogue = machine_of(options), load(options.catalogue)
    layout = layout or Layout(options.replicas)
    if options.model is not None:
        return _fitting(plan(find_model(options.model, catalogue), machine, layout))
    fits, _ = _ranked([plan(model, machine, layout) for model in catalogue.models], catalogue)
    if not fits:
        raise LogicnetError(f"no model of the catalogue fits on {machine}; `logicnet plan` says why")
    return fits[0]


def machine_of(options: PlanOptions) -> Machine:
    if options.on_cpu:
        return cpu()
    if options.card is not None:
        return gpus_named(options.card, options.gpus)
    return detect() if options.vram_gb is None else gpus_of_size(options.vram_gb, options.gpus)


def _fitting(found: ServingPlan | Misfit) -> ServingPlan:
    if isinstance(found, Misfit):
        raise LogicnetError(str(found))
    return found


def _over_hosts(model: Model, machine: Machine, options: ShownPlanOptions) -> ServingPlan | Misfit:
    """The plan for one of the hosts; for all of them together if the model fits on none alone."""
    one = Layout(options.replicas, options.tensor_parallel_size, options.data_parallel_size)
    found = plan(model, machine, one)
    if isinstance(found, Misfit) and options.hosts > 1 and options.replicas == 1:
        return plan(model, machine, replace(one, hosts=options.hosts))
    return found


def _ranked(
    found: Sequence[ServingPlan | Misfit], catalogue: ModelCatalogue
) -> tuple[list[ServingPlan], list[Misfit]]:
    """Plans of the catalogue, those that are expected to earn most first, those that count as poor last.

    A near tie goes to the model whose accuracies are published: see `ServingPlan.rank_reward`.
    """
    fits = [one for one in found if isinstance(one, ServingPlan)]
    fits.sort(key=lambda one: (catalogue.is_poor(one.model), -one.rank_reward))
    return fits, [one for one in found if isinstance(one, Misfit)]
