"""`logicnet vllm`."""

from logicnet.cli._flags import takes
from logicnet.operate.serving.options import VllmOptions


@takes(VllmOptions)
def command(options: VllmOptions) -> int:
    """Start vLLM as planned, and restart it when it is stuck.

    Other flags go to vLLM, and win: --host (default: 127.0.0.1), --port (default: 8000), any.
    """
    from logicnet.operate.serving.vllm.run import run  # noqa: PLC0415

    return run(options)
