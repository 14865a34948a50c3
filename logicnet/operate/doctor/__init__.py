"""Checks of a miner's set-up: what is wrong, what it costs, and what mends it. The checks only read."""

from logicnet.operate.doctor.checks import CHECKS
from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, Severity
from logicnet.operate.doctor.run import run_checks

__all__ = ["CHECKS", "Context", "Finding", "Severity", "run_checks"]
