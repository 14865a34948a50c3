"""What is wrong with a dataset, in words that name row and column."""

from logicnet.errors import TuningError

FAULTS_NAMED = 5  # in a message; a file of the wrong kind has a fault in every row


class BadDataset(TuningError):
    """A dataset cannot be trained on."""


class BadRow(Exception):
    """One row cannot be trained on; `str(error)` names the column and says why."""


class Faults:
    """The faults of a file, by row: all are counted, the first few are kept."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._named: list[str] = []
        self.count = 0

    def add(self, place: str, error: object) -> None:
        self.count += 1
        if len(self._named) < FAULTS_NAMED:
            self._named.append(f"{place}: {error}")

    def refuse(self) -> None:
        """Raise BadDataset if there are faults."""
        if self.count:
            more = self.count - len(self._named)
            rest = f"; and {more} more" if more else ""
            advice = "mend the row or remove it" if self.count == 1 else "mend these rows or remove them"
            raise BadDataset(f"{self._file}: {'; '.join(self._named)}{rest}; {advice}")
