"""`logicnet arena`."""

from logicnet.cli._flags import takes
from logicnet.evals.arena.plan import ArenaPlan


@takes(ArenaPlan)
def command(plan: ArenaPlan) -> int:
    """Ask running miners as a validator would, and rank them.

    Ctrl-C keeps what was scored.
    """
    from logicnet.evals.arena.run import run  # noqa: PLC0415

    return run(plan)
