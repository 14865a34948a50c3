"""A vLLM that is started from a plan, watched, and started again when it is stuck. See docs/supervisor.md."""

from logicnet.operate.serving.vllm.failures import Failure, recognise
from logicnet.operate.serving.vllm.health import Judgement, Look, Probe, Verdict
from logicnet.operate.serving.vllm.launch import Launch, launch
from logicnet.operate.serving.vllm.process import Server
from logicnet.operate.serving.vllm.supervisor import Guardian, Patience

__all__ = [
    "Failure",
    "Guardian",
    "Judgement",
    "Launch",
    "Look",
    "Patience",
    "Probe",
    "Server",
    "Verdict",
    "launch",
    "recognise",
]
