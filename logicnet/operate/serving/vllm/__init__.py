"""A vLLM that is started from a plan, watched, and started again when it is stuck. See docs/supervisor.md."""

from logicnet.operate.serving.vllm.failures import Failure, recognise
from logicnet.operate.serving.vllm.health import HealthVerdict, Judgement, Look, ProbeOutcome
from logicnet.operate.serving.vllm.launch import Launch, launch
from logicnet.operate.serving.vllm.process import VllmProcess
from logicnet.operate.serving.vllm.supervisor import Guardian, ProbePolicy

__all__ = [
    "Failure",
    "Guardian",
    "HealthVerdict",
    "Judgement",
    "Launch",
    "Look",
    "ProbeOutcome",
    "ProbePolicy",
    "VllmProcess",
    "launch",
    "recognise",
]
