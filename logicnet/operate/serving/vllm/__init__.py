"""A vLLM that is started from a plan, watched, and restarted when it is stuck. See docs/supervisor.md."""

from logicnet.operate.serving.vllm.failures import Failure, recognise
from logicnet.operate.serving.vllm.health import HealthPolicy, HealthVerdict, Observation, ProbeOutcome
from logicnet.operate.serving.vllm.launch import Launch, launch
from logicnet.operate.serving.vllm.process import VllmProcess
from logicnet.operate.serving.vllm.supervisor import ProbePolicy, Supervisor

__all__ = [
    "Failure",
    "HealthPolicy",
    "HealthVerdict",
    "Launch",
    "Observation",
    "ProbeOutcome",
    "ProbePolicy",
    "Supervisor",
    "VllmProcess",
    "launch",
    "recognise",
]
