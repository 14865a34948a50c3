"""Asks the training environment to evaluate a submission, and waits for the answer."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from logicnet._util.processes import Child
from logicnet.errors import TuningError
from logicnet.tuning.train.evalfile import Evaluation, EvaluationRequest

Start = Callable[[Sequence[str], Path], Child]
"""Starts `python -m logicnet.tuning.train ...` from these words after `python`, with its output in a log."""

MODULE = "logicnet.tuning.train"


def evaluate(request: EvaluationRequest, folder: Path, start: Start, *, limit_s: float) -> Evaluation:
    """Blocks until the answer is there. `folder`: for the files of this evaluation.

    Raises TuningError: over the limit (`TookTooLong`), or the original or the rows cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked, answer, log = folder / "request.json", folder / "answer.json", folder / "evaluate.log"
    answer.unlink(missing_ok=True)
    request.write(asked)
    with start(["-m", MODULE, "evaluate", str(asked), str(answer)], log) as child:
        try:
            status = child.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise TookTooLong(
                f"the evaluation of {request.model} took over {limit_s:.0f} s: ask with fewer rows"
            ) from None
    if status != 0:
        raise TuningError(f"the evaluation of {request.model} failed: {_why(status, log)}")
    try:
        return Evaluation.read(answer)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TuningError(f"the evaluation of {request.model} left no answer: {error}") from error


class TookTooLong(TuningError):
    """An evaluation was ended by its limit."""


def _why(status: int, log: Path) -> str:
    if status < 0:
        return f"killed by signal {-status}"
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {status}")[:300]
