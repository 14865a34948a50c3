"""When to stop: our rule against fixed n, ESC, Beta stopping and hindsight, on scripted and recorded samples.

    python benchmarks/stopping.py  # scripted models and regimes, tables and docs/stopping.svg
    python benchmarks/stopping.py --check  # the scripted 7B model beside its published figures
    python benchmarks/stopping.py --tune  # spreads of CHAT, on the seeds kept for tuning
    python benchmarks/stopping.py --arrivals runs/main  # a folder that `logicnet bench` wrote
    python benchmarks/stopping.py --arrivals samplers.jsonl  # any other recording (_recordings.py)

Samplers of one question run at once and slow each other (`_seven_b.py`); nothing else takes time. All
policies play the same questions with the same traces. Rewards are the validator's, with the same
similarity for every reply. Seeds below 100,000 are for tuning; what is reported has seeds from there on.

`ours` goes about it as `RaceSolver` does with the profile of such a model. `hindsight` is the best that
can be had by choosing when to stop, knowing the truth and all arrivals before: of 16 samplers, at the moment
that turns out best, it sends what then leads by our own votes. `of any n` may also choose, question by
question, whether 1, 2, 4, 8 or 16 samplers were begun: it hears a lucky first trace alone. Nobody can do
either; somebody who knows what all samplers will say but not what is true is shown beside them.

A replay can stop earlier than was recorded, not go on for longer, and what more or fewer samplers would have
done to the others' speed it cannot know.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
from _policies import (
    DEADLINE_S,
    MOST_SAMPLES,
    All,
    AllThere,
    BetaStopping,
    EarlyStopping,
    Fixed,
    Foresight,
    Game,
    Hindsight,
    Knowing,
    Ours,
    Policy,
    majority,
)
from _recordings import recorded
from _results import Result, plot, table, verdict
from _seven_b import (
    EASY,
    GSM8K,
    MATH,
    RIGHT,
    SCATTERED,
    THINKING,
    WEAKER_GSM8K,
    WEAKER_MATH,
    Family,
    Scripted,
    questions,
)
from rich.console import Console
from rich.table import Table

from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.trust import CHAT, WEAK, Priors, SamplerRecord, Trust

TUNING = 0
REPORTED = 100_000
"""First seeds; a million apart would not make them more independent."""

FIXED = (1, 2, 4, 8, 16)
PLOT = Path(__file__).parents[1] / "docs" / "stopping.svg"

_PUBLISHED = {  # a vote of k by Qwen2.5-7B-Instruct; huggingface.co/datasets/O1-OPEN/OpenO1-SFT
    "GSM8K": {1: 91.21, 4: 91.74, 8: 91.74, 16: 92.12, 64: 92.57},
    "MATH": {1: 69.74, 4: 71.78, 8: 72.84, 16: 73.78, 64: 74.44},
    "weaker, GSM8K": {1: 84.31, 4: 88.10, 8: 88.78, 16: 88.93, 64: 89.69},  # OpenO1-Qwen
    "weaker, MATH": {1: 51.40, 4: 57.00, 8: 60.04, 16: 61.72, 64: 63.08},
}


def chat_profile() -> Profile:
    return profile_for("scripted-7b-chat", load_profiles())


def thinking_profile() -> Profile:
    return profile_for("deepseek-r1", load_profiles())


def weak_profile() -> Profile:
    return profile_for("smollm2-135m", load_profiles())


def chats() -> Trust:
    """Of day one: priors, no records."""
    return Trust(priors=CHAT)


def weaks() -> Trust:
    return Trust(priors=WEAK)


def scored(families: Sequence[Family], priors: Priors, most: int = 200) -> Trust:
    """After `most` scored answers of each sampler to each family's tuning questions."""
    records = []
    for family in families:
        for one in questions([family], range(TUNING, TUNING + most), traces=1):
            for sampler, (trace, *_) in one.traces.items():
                right = trace.key == RIGHT
                records.append(
                    SamplerRecord(family.kind, sampler, right, bool(trace.key) - right, not trace.key)
                )
    return Trust(records, priors)


def policies(
    profile: Profile,
    trust: Callable[[], Trust],
    taught: Trust,
    sampler: str,
    openings: Sequence[Sequence[str]],
) -> list[tuple[str, Policy]]:
    """`sampler`: what the public rules draw. `openings`: what hindsight may have begun with."""
    return [
        *(("public", Fixed(n, sampler)) for n in FIXED),
        *(("public", Fixed(n, sampler, trust())) for n in FIXED if n > 2),
        ("public", EarlyStopping(2, sampler=sampler)),
        ("public", EarlyStopping(4, sampler=sampler)),
        *(("public", BetaStopping(n, sampler=sampler)) for n in (4, 8, 16)),
        ("ours", Ours(trust(), profile)),
        ("ours", Ours(trust(), profile, name="ours, looking one arrival ahead", look_ahead=1)),
        ("ours", Ours(trust(), profile, name="ours, without confidences", confident=False)),
        ("ours", Ours(taught, profile, name="ours, 200 scored before")),
        ("bound", Hindsight(trust(), lambda _: openings[-1:])),
        ("bound", Hindsight(trust(), lambda _: openings, name="hindsight, of any n")),
        ("bound", Foresight(trust(), lambda _: openings[-1])),
        ("bound", Knowing(8, sampler)),
    ]


def chat_policies() -> list[tuple[str, Policy]]:
    openings = [["reason"] * n for n in FIXED]
    return policies(chat_profile(), chats, scored([GSM8K, MATH], CHAT), "reason", openings)


def weak_policies() -> list[tuple[str, Policy]]:
    openings = [["program"] * n + ["reason"] * (n // 2) for n in FIXED]
    return policies(weak_profile(), weaks, scored([EASY], WEAK), "program", openings)


def played(rules: Iterable[tuple[str, Policy]], asked: Sequence[Scripted]) -> list[Result]:
    return [Result(policy.name, [policy.play(one) for one in asked], kind) for kind, policy in rules]


def scripted(count: int, longer: float) -> Iterator[tuple[str, list[Result]]]:
    """The chat model on each family and on both, and the weak one on a quarter as many questions."""
    seeds = range(REPORTED, REPORTED + count)
    results = played(chat_policies(), questions([GSM8K, MATH], seeds, longer=longer))
    for place, family in enumerate((GSM8K, MATH)):
        part = [Result(one.policy, one.plays[place::2], one.kind) for one in results]
        yield f"7B chat model, {family.name} alone", part
    yield "7B chat model, half GSM8K, half MATH", results
    asked = questions([EASY], seeds[: max(1, count // 4)], longer=longer)
    yield "135M model on two CPU cores, easy tasks", played(weak_policies(), asked)
    for family in (WEAKER_GSM8K, WEAKER_MATH, *SCATTERED):
        yield family.name, regime(family, chat_profile(), seeds, longer)
    for family in THINKING:
        yield family.name, regime(family, thinking_profile(), seeds[: max(1, count // 4)], longer)


def regime(family: Family, profile: Profile, seeds: range, longer: float) -> list[Result]:
    """Ours against every fixed n and Beta, where the rule was not tuned. Without a signal it uses none."""
    confident = family.samplers["reason"].tells > 0.0
    rules: list[tuple[str, Policy]] = [
        *(("public", Fixed(n)) for n in FIXED),
        *(("public", BetaStopping(n)) for n in (8, 16)),
        ("ours", Ours(chats(), profile, confident=confident)),
    ]
    return played(rules, questions([family], seeds, longer=longer))


def check(console: Console) -> None:
    shown = Table(title="A vote of k, percent right: published, and imitated (what a vote gains)")
    for column in ("k", *(f"{name} {what}" for name in _PUBLISHED for what in ("published", "imitated"))):
        shown.add_column(column, justify="right")
    votes: dict[str, dict[int, float]] = {}
    for family in (GSM8K, MATH, WEAKER_GSM8K, WEAKER_MATH):
        asked = questions([family], range(TUNING, TUNING + 4000), traces=64)
        votes[family.name] = {k: 100 * fmean(_voted(one, k) for one in asked) for k in (1, 4, 8, 16, 64)}
    for k in (1, 4, 8, 16, 64):
        row = [str(k)]
        for name, published in _PUBLISHED.items():
            for votes_of in (published, votes[name]):
                row.append(f"{votes_of[k]:.1f} ({votes_of[k] - votes_of[1]:+.1f})")
        shown.add_row(*row)
    console.print(shown)
    easy = questions([EASY], range(TUNING, TUNING + 4000), traces=8)
    for sampler, measured in (("program", "33, 36, 56"), ("reason", "22, 25 to 29, -")):
        some = 100 * fmean(any(trace.key == RIGHT for trace in one.traces[sampler]) for one in easy)
        one, eight = (100 * fmean(_voted(each, k, sampler) for each in easy) for k in (1, 8))
        console.print(
            f"135M, {sampler}: one, a vote of 8, some of 8: measured {measured}; "
            f"imitated {one:.0f}, {eight:.0f}, {some:.0f}"
        )


def _voted(question: Scripted, k: int, sampler: str = "reason") -> bool:
    game = Game(question)
    game.start(sampler, k)
    game.ended = [(None, one.trace) for one in game.running]  # type: ignore[misc]
    return majority(game) == RIGHT


def tune(count: int, console: Console) -> None:
    families = [GSM8K, MATH, *SCATTERED]
    asked = questions(families, range(TUNING, TUNING + max(1, count // len(families))))
    fixed = np.array([Fixed(8).play(one).reward for one in asked])
    for spread in (1.0, 1.4, 1.8, 2.2):
        priors = {name: replace(one, spread=spread if one.spread else 0.0) for name, one in CHAT.items()}
        policy = Ours(Trust(priors=priors), chat_profile())
        gain = (np.array([policy.play(one).reward for one in asked]) - fixed) * 1e4
        error = gain.std() / len(gain) ** 0.5
        console.print(f"spread {spread}: {gain.mean():+.1f} +- {error:.1f} e-4")


def replayed(asked: Sequence[Scripted], trust: Callable[[], Trust], profile: Profile) -> list[Result]:
    """Ours on all samplers that were running, and the public rules on the sampler that was recorded most.

    Those only where each question has enough of that sampler.
    """
    samplers = [sampler for one in asked for sampler, traces in one.traces.items() for _ in traces]
    sampler = max(sorted(set(samplers)), key=samplers.count)
    least = min(len(one.traces.get(sampler, ())) for one in asked)
    ours = AllThere(trust(), profile)

    def all_there(question: Scripted) -> Sequence[Sequence[str]]:
        return [ours.opening(question)]

    rules: list[tuple[str, Policy]] = [("public", All())]
    rules += [("public", Fixed(n, sampler)) for n in FIXED if n <= least]
    rules += [("public", EarlyStopping(n, least, sampler)) for n in (2, 4) if n <= least]
    rules += [("public", BetaStopping(least, sampler=sampler))] if least else []
    rules += [
        ("ours", ours),
        ("ours", AllThere(trust(), profile, name="ours, without confidences", confident=False)),
        ("bound", Hindsight(trust(), all_there)),
        ("bound", Foresight(trust(), ours.opening)),
    ]
    return played(rules, asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=2500, help="of each family (2500)")
    parser.add_argument("--longer", type=float, default=1.0, help="multiplies the length of all traces")
    parser.add_argument("--arrivals", type=Path, help="a recording, in place of scripted models")
    parser.add_argument("--priors", choices=("weak", "chat"), default="weak", help="for a recording")
    parser.add_argument("--check", action="store_true", help="the scripted models beside their sources")
    parser.add_argument("--tune", action="store_true", help="the grid, on the seeds kept for tuning")
    parser.add_argument("--plot", type=Path, default=PLOT, help="where the picture goes")
    parser.add_argument("--no-plot", action="store_true")
    asked_for = parser.parse_args()
    console = Console(width=130)
    began_s = time.perf_counter()
    if asked_for.check:
        check(console)
        return
    if asked_for.tune:
        tune(asked_for.questions, console)
        return
    if asked_for.arrivals:
        try:
            replay = recorded(asked_for.arrivals)
        except (OSError, ValueError, KeyError, TypeError) as error:
            sys.exit(f"{asked_for.arrivals} is no recording of samplers ({type(error).__name__}: {error})")
        chat = asked_for.priors == "chat"
        trust, profile = (chats, chat_profile()) if chat else (weaks, weak_profile())
        found = ((f"Recorded: {name}", replayed(asked, trust, profile)) for name, asked in replay.items())
    else:
        found = scripted(asked_for.questions, asked_for.longer)
    scenarios = []
    for title, results in found:
        table(title, results, console)
        print(json.dumps(verdict(title, results)), flush=True)
        scenarios.append((title, results))
    if not (asked_for.no_plot or asked_for.arrivals):
        plot(scenarios[2:4], asked_for.plot)
        console.print(f"picture: {asked_for.plot}")
    console.print(
        f"{time.perf_counter() - began_s:.0f} s, deadline {DEADLINE_S:.0f} s, {MOST_SAMPLES} samplers at most"
    )


if __name__ == "__main__":
    main()
