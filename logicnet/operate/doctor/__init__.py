"""Doctor: what is wrong with a miner's set-up, what it costs, and how to mend it. It only reads."""

from logicnet.operate.doctor.finding import Finding, Severity
from logicnet.operate.doctor.round import CHECKS, Check, examine
from logicnet.operate.doctor.site import Site

__all__ = ["CHECKS", "Check", "Finding", "Severity", "Site", "examine"]
