"""`logicnet learn`: what scored runs teach, and with --prove, whether a policy that they propose pays."""

from collections.abc import Sequence
from pathlib import Path

from logicnet.evals.learn import learn
from logicnet.evals.report import page
from logicnet.evals.report.terminal import console
from logicnet.ledger import ledger_path
from logicnet.operate.policy_trial import PolicyTrial
from logicnet.scoring import similarity
from logicnet.settings import Settings
from logicnet.solver.race.profiles import load_profiles


def run(runs: Sequence[Path], ledger: Path | None, settings: Settings, trial: PolicyTrial | None) -> int:
    """Returns the exit status: 1 if a proof was wanted and nothing is proven. Raises LogicnetError."""
    if trial is not None:
        page.require()
        if trial.similarity:
            similarity.require("--no-similarity goes without")
    out, ledger = console(), ledger or ledger_path(settings)
    taught = learn(ledger, runs, out, load_profiles(settings.miner.profiles))
    if trial is None:
        return 0

    from logicnet.operate.policies import prove  # noqa: PLC0415 (loads all that tunes)

    def say(line: str) -> None:
        out.print(line, highlight=False, markup=False, soft_wrap=True)

    try:
        return prove(taught, ledger, settings, trial, say)
    except KeyboardInterrupt:
        say("Stopped; the same command goes on from here.")
        return 130
