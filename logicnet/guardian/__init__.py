"""A vLLM that is started from a plan, watched, and started again when it is stuck. See docs/guardian.md."""

from logicnet.guardian.failure import Failure, recognise
from logicnet.guardian.guardian import Guardian, Patience
from logicnet.guardian.judgement import Judgement, Look, Probe, Verdict
from logicnet.guardian.launch import Launch, launch
from logicnet.guardian.server import Server

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
