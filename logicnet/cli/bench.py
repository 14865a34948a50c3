"""`logicnet bench`."""

from logicnet.cli._flags import takes
from logicnet.evals.bench.plan import BenchPlan


@takes(BenchPlan)
def command(plan: BenchPlan) -> int:
    """Compare solvers on the same questions.

    The report says which differences are statistically significant. Ctrl-C keeps what was scored.
    """
    from logicnet.evals.bench.run import run  # noqa: PLC0415

    return run(plan)
