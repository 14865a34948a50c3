"""Run in the training environment: ORIGINAL SUBMISSIONS ROWS ANSWERS. One process evaluates many."""

import sys
from pathlib import Path

from logicnet.tuning.train.evalfile import EvaluationRequest
from logicnet.tuning.train.evaluate import evaluate

original, submissions, rows, answers = map(Path, sys.argv[1:])
bases = submissions.parent / "bases"
for folder in sorted(submissions.iterdir()):
    evaluate(
        EvaluationRequest(
            model=str(folder),
            original=str(original),
            original_name="original/name",
            rows=str(rows),
            task="sft",
            batch=4,
            others={"merged": str(submissions / "merged")},
            threads=1,
            adapter_base=str(bases / folder.name) if (bases / folder.name).exists() else None,
        )
    ).write(answers / f"{folder.name}.json")
