"""What a run came to, for people: tables for a terminal, CSV and JSONL for programs, one HTML page.

A run is a folder of `logicnet arena` or `logicnet bench`. Nothing heavy is imported before it is used.
"""

from logicnet.evals.report.estimate import Estimate, mean_of, mean_of_differences
from logicnet.evals.report.summary import Difference, TargetSummary, differences, summaries
from logicnet.evals.runs.run import Run, read_run

__all__ = [
    "Difference",
    "Estimate",
    "Run",
    "TargetSummary",
    "differences",
    "mean_of",
    "mean_of_differences",
    "read_run",
    "summaries",
]
