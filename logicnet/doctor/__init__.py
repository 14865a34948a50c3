"""Doctor: what is wrong with a miner's set-up, what it costs, and how to mend it. It only reads."""

from logicnet.doctor.finding import Finding, Severity
from logicnet.doctor.round import CHECKS, Check, examine
from logicnet.doctor.site import Site

__all__ = ["CHECKS", "Check", "Finding", "Severity", "Site", "examine"]
