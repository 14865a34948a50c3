"""`logicnet plan`."""

from logicnet.cli._flags import takes
from logicnet.operate.serving.options import ShownPlanOptions


@takes(ShownPlanOptions)
def command(options: ShownPlanOptions) -> int:
    """Say which models fit these GPUs, and how to start vLLM.

    Also how many challenges each answers in time.
    """
    from logicnet.operate.serving.choose import run  # noqa: PLC0415

    return run(options)
