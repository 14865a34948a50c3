"""`logicnet learn --prove`: a proposed policy of the race against the present one, on the same server."""

import asyncio
import glob
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from logicnet.errors import SettingsError, TuningError
from logicnet.evals.bench.plan import load_questions
from logicnet.evals.challenges import sets
from logicnet.evals.challenges.problem import seed_of
from logicnet.evals.learn import RACE, Taught, records
from logicnet.evals.report.estimate import FEWEST
from logicnet.operate.improve import served_model
from logicnet.operate.policy_trial import PolicyTrial
from logicnet.settings import Settings
from logicnet.solver.race.profiles import Limits, Profile, in_toml, load_profiles, profile_for
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.proof import Proof, judge
from logicnet.tuning.improve.proving import ProofRun, ProofSide, measure
from logicnet.tuning.improve.report import interval
from logicnet.tuning.train.jobfile import write_json

PROOFS = "policies"
"""Below --tuning.folder: a folder for each proof."""

_VERDICT, _QUESTIONS, _TRIED, _PROVEN = "proof.json", "test.jsonl", "tried.toml", "profiles.toml"


def prove(
    taught: Taught, ledger: Path, settings: Settings, trial: PolicyTrial, say: Callable[[str], None]
) -> int:
    """Bench the present profile and the proposed one side by side; write the latter if it is proven.

    The gate is that of tuned models; looks at one model are counted. The same again goes on, or says again
    what was found. Returns the exit status. Raises LogicnetError.
    """
    served, _ = served_model(settings)
    model = str(served.model)
    about = model if model in taught.proposals else ""
    if about not in taught.proposals:
        raise SettingsError(
            f"--prove: {served.url} serves {model!r}, which the race was not asked with in these runs: "
            f"name a `logicnet bench --solvers race --model {model}`"
        )
    if not (limits := taught.proposals[about]):
        say("Nothing is proposed, so nothing was tried.")
        return 1
    own = settings.miner.profiles
    present = profile_for(model, load_profiles(own))
    proposed = _limited(present, model, limits)
    earned = records(ledger, RACE, model)
    told = [model, proposed.toml(), taught.runs, sorted(map(asdict, earned), key=str), asdict(trial)]
    digest = hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:12]
    proofs = Folders.of(settings.tuning).root / PROOFS
    folder = proofs / digest
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        looks = [_verdict(file) for file in proofs.glob(f"*/{_VERDICT}")]
        if (folder / _VERDICT).exists():
            proof = _verdict(folder / _VERDICT)
        else:
            theirs = load_profiles(own)[: -len(load_profiles())]
            (folder / _TRIED).write_text("\n".join(one.toml() for one in (proposed, *theirs)))
            _fresh(taught, trial, seed_of("policy", digest), folder / _QUESTIONS)
            sides = ProofSide(served, own, RACE, earned), ProofSide(served, folder / _TRIED, RACE, earned)
            bench = ProofRun(
                folder / "bench", folder / _QUESTIONS, trial.concurrency, trial.deadline_s, trial.similarity
            )
            rows = asyncio.run(measure(*sides, bench))
            look = sum(one.base == model for one in looks)
            proof = judge(rows, look=look, names=(model, in_toml(limits)))
            write_json(folder / _VERDICT, proof.fields())
        if proof.passed:
            (folder / _PROVEN).write_text((folder / _TRIED).read_text())
    except OSError as error:
        raise TuningError(f"cannot write {folder}: {error.strerror or error}; make room") from None
    say(
        f"{proof.questions} fresh questions: reward {interval(proof.reward)} at {1 - proof.alpha:.1%}, "
        f"truly right {interval(proof.right)}. The bench is in {folder / 'bench'}."
    )
    if not proof.passed:
        say(f"Not proven: {'; '.join(proof.reasons)}. The profile stays as it is.")
        return 1
    say(f"Proven. To go by it: logicnet mine --miner.profiles {folder / _PROVEN}")
    if own is not None:
        say(f"{own} was not changed; or paste this into its profile: limits = {in_toml(proposed.limits)}")
    return 0


def _limited(present: Profile, model: str, limits: Mapping[str, Limits]) -> Profile:
    """The profile with these limits too, for this model only."""
    both = {
        kind: {**present.limits.get(kind, {}), **limits.get(kind, {})} for kind in (*present.limits, *limits)
    }
    name = f"{present.name.removesuffix(' limited')} limited"
    return present.model_copy(
        update={"name": name, "models": (glob.escape(model),), "but_not": (), "limits": both}
    )


def _fresh(taught: Taught, trial: PolicyTrial, seed: int, path: Path) -> None:
    """Write questions that are in none of the runs, unless that was done."""
    if path.exists():
        return
    found = load_questions(trial.challenges, trial.questions, seed)
    fresh = [one for one in found.problems if one.id not in taught.asked]
    if len(fresh) < FEWEST:
        raise SettingsError(
            f"--challenges {trial.challenges}: {len(fresh)} of {len(found.problems)} questions were not in "
            f"these runs, and a proof needs {FEWEST}: name others"
        )
    sets.write(replace(found, problems=fresh, recipe=None), path)


def _verdict(file: Path) -> Proof:
    try:
        return Proof.of_fields(json.loads(file.read_text()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TuningError(f"{file} is no proof: remove {file.parent}") from None
