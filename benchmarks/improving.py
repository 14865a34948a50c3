"""The race with a tuned model against the untuned one, exact computation off and on, kind by kind.

    python benchmarks/improving.py --base URL MODEL --tuned URL MODEL --profile profile.toml
    python benchmarks/improving.py ... --n 40 --only off       # shorter
    python benchmarks/improving.py ... --reworded set.jsonl    # of `logicnet challenges make --rephrase`

Both models answer the same questions of the test split, heat by heat, in four benches: with exact computation
off and on, on kinds that were trained on and on kinds that were not. Each is a run as `logicnet report` reads
it. The script may be killed: what was asked is not asked again, and the table is of what there is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from logicnet.evals.challenges.recipe import Recipe, changed, read_recipe
from logicnet.evals.challenges.sets import ChallengeSet, load, make, write
from logicnet.evals.report.estimate import mean_of, mean_of_differences
from logicnet.evals.runs.run import Row
from logicnet.scoring.options import ModelServer
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.tuning.improve.proof import BASE, CANDIDATE, worth
from logicnet.tuning.improve.proving import ProofRun, ProofSide, measure
from logicnet.tuning.improve.report import interval
from logicnet.tuning.improve.training import write_profile

SEED = 4035
OTHER = Recipe.model_validate(
    {
        "name": "not in the mix",
        "seed": SEED,
        "count": 120,
        "split": "test",
        "sources": [
            {
                "use": "mathgenerator",
                "kinds": [
                    *("surface_area_cuboid", "volume_cube", "is_composite", "signum_function"),
                    *("simple_interest", "arithmetic_progression_term", "valid_triangle"),
                    *("binary_complement_1s", "nth_fibonacci_number", "profit_loss_percent"),
                ],
                "weight": 2.0,
            },
            {"use": "reasoning-gym", "kinds": ["coin_flip", "count_bits", "calendar_arithmetic"]},
        ],
    }
)
"""Kinds that recipes/sentences.toml, which the demo trains on, does not have."""


def main() -> int:
    asked = _arguments()
    console = Console()
    asked.out.mkdir(parents=True, exist_ok=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "exact",
        "questions",
        "n",
        "right",
        "tuned",
        "gain, 95 %",
        "reward gain, 95 %",
        "s",
        "tokens",
    ):
        table.add_column(name)
    sets = _questions(asked.out, asked.n, asked.recipe, asked.reworded)
    for exact in ("off", "on"):
        if asked.only in (None, exact):
            for part, questions in sets.items():
                rows = asyncio.run(_bench(asked, exact == "on", part, questions))
                table.add_row(exact, part, *_figures(rows))
    console.print(table)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", nargs=2, required=True, metavar=("URL", "MODEL"))
    parser.add_argument("--tuned", nargs=2, required=True, metavar=("URL", "MODEL"))
    parser.add_argument(
        "--profile", type=Path, required=True, help="of the tuned model: its adapter's folder has it"
    )
    parser.add_argument("--out", type=Path, default=Path(".run/improving"))
    parser.add_argument(
        "--recipe", type=Path, default=Path("recipes/sentences.toml"), help="what was practised"
    )
    parser.add_argument("--n", type=int, default=120, help="questions of each part")
    parser.add_argument("--only", choices=("off", "on"), help="exact computation")
    parser.add_argument(
        "--reworded", type=Path, help="a challenge set with reworded questions, as a third part"
    )
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--deadline", type=float, default=64.0, help="seconds for an answer")
    return parser.parse_args()


def _questions(out: Path, count: int, practised: Path, reworded: Path | None) -> Mapping[str, Path]:
    recipe = changed(read_recipe(practised), practised, count=count, split="test", seed=SEED)
    recipes = {"in the mix": (recipe, practised.parent)}
    recipes["not in the mix"] = (OTHER.model_copy(update={"count": count}), Path())
    found: dict[str, Path] = {}
    for part, (recipe, folder) in recipes.items():
        path = out / f"{part.replace(' ', '-')}.jsonl"
        if not path.exists():
            write(make(recipe, folder), path)
        found[part] = path
    if reworded is not None:
        path = out / "reworded.jsonl"
        if not path.exists():
            challenges = load(reworded)
            write(ChallengeSet(challenges.problems[:count], rephrased_by=challenges.rephrased_by), path)
        found["reworded"] = path
    return found


async def _bench(asked: argparse.Namespace, exact: bool, part: str, questions: Path) -> Sequence[Row]:
    named = "on" if exact else "off"
    profiles = {
        "base": profile_for(asked.base[1], load_profiles()),
        "tuned": load_profiles(asked.profile)[0],
    }
    run = ProofRun(
        asked.out / f"{part.replace(' ', '-')}-{named}",
        questions,
        asked.concurrency,
        asked.deadline,
        False,
    )
    sides = [
        ProofSide(ModelServer(*server), _with_exact(profiles[name], exact, asked.out / f"{name}-{named}"))
        for name, server in (("base", asked.base), ("tuned", asked.tuned))
    ]
    return await measure(*sides, run)


def _with_exact(profile: Profile, exact: bool, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_profile(profile.model_copy(update={"exact": exact}), folder)
    return folder / "profile.toml"


def _figures(rows: Sequence[Row]) -> Sequence[str]:
    by = {
        name: {row.id: row for row in rows if row.target == name and row.scored} for name in (BASE, CANDIDATE)
    }
    both = by[BASE].keys() & by[CANDIDATE].keys()
    right = {name: {key: float(bool(by[name][key].true)) for key in both} for name in by}
    reward = {name: {key: worth(by[name][key]) or 0.0 for key in both} for name in by}
    shares = [mean_of([*right[name].values()]) for name in (BASE, CANDIDATE)]
    seconds = [median(by[name][key].process_time or 0.0 for key in both) if both else 0.0 for name in by]
    tokens = [sum(by[name][key].tokens or 0 for key in both) / max(1, len(both)) for name in by]
    return (
        str(len(both)),
        *(f"{one.mean:.3f}" if one else "-" for one in shares),
        interval(mean_of_differences(right[CANDIDATE], right[BASE])),
        interval(mean_of_differences(reward[CANDIDATE], reward[BASE])),
        f"{seconds[0]:.1f} / {seconds[1]:.1f}",
        f"{tokens[0]:.0f} / {tokens[1]:.0f}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
