"""`logicnet bench`."""

from __future__ import annotations

from logicnet.cli._flags import takes
from logicnet.evals.bench.plan import BenchPlan


@takes(BenchPlan)
def command(plan: BenchPlan) -> int:
    """Compare solvers on the same questions, and say which differences are statistically significant."""
    from logicnet.evals.bench.run import run  # noqa: PLC0415

    return run(plan)
