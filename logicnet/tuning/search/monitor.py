"""What is said of a search while it runs, and when it gives up."""

from collections.abc import Callable

from logicnet.errors import TuningError
from logicnet.tuning.search.study import Study, TrialRecord, best_of

GIVE_UP = 3
"""Trials that failed before any was done: the others would fail in the same way."""

Say = Callable[[str], None]


class TrialMonitor:
    """Says a line for each trial that has ended since the last look."""

    def __init__(self, study: Study, said: Say) -> None:
        self.study = study
        self._said = said
        self._known = {one.number for one in study.records() if one.over}

    def look(self) -> None:
        """Raises TuningError if the first trials all failed."""
        records = self.study.records()
        for one in records:
            if one.over and one.number not in self._known:
                self._known.add(one.number)
                best = best_of(other for other in records if other.number in self._known)
                self._said(f"trial {one.number} of {self.study.trials} ({shown(one)}): {_ended(one, best)}")
        failed = [one for one in records if one.state == "failed"]
        if len(failed) >= GIVE_UP and best_of(records) is None:
            raise TuningError(f"the first {len(failed)} trials failed, the last so: {failed[-1].reason}")


def shown(record: TrialRecord) -> str:
    """Its parameters, such as `lr 1e-05, r 32`."""
    values = (
        f"{value:.3g}" if isinstance(value, float) else str(value) for value in record.parameters.values()
    )
    return ", ".join(f"{name} {value}" for name, value in zip(record.parameters, values, strict=True))


def _ended(record: TrialRecord, best: TrialRecord | None) -> str:
    if record.state == "failed":
        return f"failed: {record.reason}"
    loss = "?" if record.loss is None else f"{record.loss:.4g}"
    if record.state == "pruned":
        return f"pruned at held-out loss {loss}"
    return f"held-out loss {loss}{', the best so far' if record is best else ''}"
