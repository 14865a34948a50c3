"""What `logicnet challenges` does: shows sources and sets, and makes sets from recipes."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from logicnet._util.flags import require_file
from logicnet.config.explain import console as console_of
from logicnet.errors import SettingsError
from logicnet.evals.challenges import sets
from logicnet.evals.challenges.recipe import changed, read_recipe
from logicnet.evals.challenges.rephrase import rephrase
from logicnet.evals.challenges.sets import ChallengeSet, load
from logicnet.evals.challenges.source import GENERATORS
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring.options import ModelServer


def show_sources(source: str | None, *, as_json: bool) -> None:
    """Print the kinds of one source, or of all. Raises SettingsError if there is no such source."""
    if source is not None and source not in GENERATORS:
        raise SettingsError(f"--source takes {' or '.join(GENERATORS)}; got {source[:60]!r}")
    shown = {name: one for name, one in GENERATORS.items() if source in (None, name)}
    if as_json:
        found = {
            name: {
                "topics": {topic: dict(kinds) for topic, kinds in one.levels.items()},
                "left_out": dict(one.left_out),
            }
            for name, one in shown.items()
        }
        print(json.dumps(found, indent=2))
        return
    console = console_of()
    for name, one in shown.items():
        console.print(f"[bold]{name}[/]: {len(one.kinds())} kinds in {len(one.levels)} topics")
        table = _two_columns(style="bold")
        for topic, kinds in one.levels.items():
            table.add_row(
                topic, ", ".join(f"{kind} (0-{most})" if most else kind for kind, most in kinds.items())
            )
        console.print(table)
        console.print(f"Left out, {len(one.left_out)}:")
        table = _two_columns()
        for kind, why in one.left_out.items():
            table.add_row(f"  {kind}", escape(why))
        console.print(table)
        console.print()
    if source is None:
        console.print("[bold]file[/]: a JSONL file with question and answer; `#### 42` ends a worked one")
        console.print("(0-3): levels of difficulty. A recipe names kinds or topics.")


def make_set(
    recipe: Path,
    out: Path,
    *,
    seed: int | None = None,
    count: int | None = None,
    skip_bad: bool = False,
    rewording: ModelServer | None = None,
    at_once: int = 8,
) -> None:
    """Write the set that `recipe` makes to `out`. Raises LogicnetError in one line."""
    require_file("RECIPE", recipe)
    if recipe.suffix.lower() == ".toml":
        changed_recipe = changed(read_recipe(recipe), recipe, seed=seed, count=count)
        made = sets.make(changed_recipe, recipe.parent, skip_bad=skip_bad)
    elif seed is not None or count is not None:
        raise SettingsError(
            f"--seed and --count change a recipe (a .toml file), and {recipe} is another file"
        )
    else:
        made = sets.load(recipe, skip_bad=skip_bad)
    said = f"{len(made.problems)} questions"
    if rewording is not None:
        made, raw = asyncio.run(_rephrased(made, rewording, at_once))
        said += f", {len(made.problems) - raw.total()} of them rephrased by {made.rephrased_by}"
        if raw:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in raw.most_common())
            said += f"; the others stayed raw: {reasons}"
    made.report_skipped()
    sets.write(made, out)
    print(f"{out}: {said}")


def show_set(file: Path, count: int, *, skip_bad: bool = False) -> None:
    """Print what a set is made of, and its first `count` questions."""
    require_file("FILE", file)
    found = load(file, skip_bad=skip_bad)
    found.report_skipped()
    console = console_of()
    if found.recipe is not None:
        one = found.recipe
        made_with = f", made with {', '.join(found.made_with)}" if found.made_with else ""
        console.print(f"{escape(one.name)}: seed {one.seed}, split {one.split}{made_with}")
    if found.rephrased_by:
        reworded = sum(problem.rephrased is not None for problem in found.problems)
        console.print(f"{reworded} rephrased by {escape(found.rephrased_by)}")
    counted = Counter((problem.source, problem.topic or problem.kind) for problem in found.problems)
    for (source, topic), number in sorted(counted.items()):
        console.print(f"{number:>7}  {escape(f'{source} {topic}'.rstrip())}")
    console.print(f"{len(found.problems):>7}  in all")
    for problem in found.problems[:count]:
        level = "" if problem.difficulty is None else f", level {problem.difficulty}"
        console.print()
        console.print(f"{problem.id}  {escape(problem.source)} {escape(problem.kind)}{level}", style="bold")
        console.print(escape(problem.question))
        if problem.rephrased is not None:
            console.print(f"asked as: {escape(problem.rephrased)}")
        console.print(f"=> {escape(problem.truth)}")


def _two_columns(style: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold")
    return table


async def _rephrased(made: ChallengeSet, by: ModelServer, at_once: int) -> tuple[ChallengeSet, Counter[str]]:
    console = Console(stderr=True)
    columns = ("Rephrasing", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with unheard():
        async with reach("model that rewords", *by, flag="--endpoint") as models:
            with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
                task = bar.add_task("", total=len(made.problems))
                seed = made.recipe.seed if made.recipe else 0
                found = await rephrase(
                    made.problems, models, seed=seed, at_once=at_once, on_done=lambda: bar.advance(task)
                )
    name = by.model or (models.served.model if models.served else "")
    return replace(made, problems=found.problems, rephrased_by=name), found.raw
