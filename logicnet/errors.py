"""Every error of ours, and what each becomes on the wire.

    LogicnetError
    ├── SettingsError     a flag, variable or file is wrong: one line, exit status 2
    ├── Refusal           a request is turned away: the axon's reply (table below)
    ├── ChainError        the chain did not do what was asked, in time
    │   └── AxonRefused   it answered, and does not take our axon's address (logicnet.chain)
    ├── ModelError        the model server did not do what was asked
    │   └── ModelAway     it cannot be reached at all
    └── LedgerError       the ledger cannot be opened or read

A model failure while a challenge is being solved is not raised to anybody: it is an outcome that
is recorded, and the best answer so far goes out.
"""

from __future__ import annotations

from enum import StrEnum


class LogicnetError(Exception):
    """The root. `str(error)` is one line that says what is wrong and what to do."""


class SettingsError(LogicnetError):
    """A setting is missing, unknown or has a wrong value."""


class ChainError(LogicnetError):
    """A call to the chain failed, or took longer than it was given."""


class ModelError(LogicnetError):
    """A model server refused or broke a request."""


class ModelAway(ModelError):
    """A model server cannot be reached."""


class LedgerError(LogicnetError):
    """The ledger cannot be opened, read or exported."""


class Reason(StrEnum):
    """Why a request was refused: the word that logs, metrics and the ledger count by."""

    MALFORMED = "malformed"
    BAD_TIMEOUT = "bad_timeout"
    NOT_VERIFIED = "not_verified"
    NOT_REGISTERED = "not_registered"
    NOT_PERMITTED = "not_permitted"
    UNKNOWN_SYNAPSE = "unknown_synapse"
    BAD_METHOD = "bad_method"
    SLOW_BODY = "slow_body"
    TOO_LARGE = "too_large"
    BAD_BODY = "bad_body"
    OVER_QUOTA = "over_quota"
    HEADERS_TOO_LARGE = "headers_too_large"
    BROKEN = "broken"
    FULL = "full"
    NO_METAGRAPH = "no_metagraph"


STATUS: dict[Reason, int] = {
    Reason.MALFORMED: 400,
    Reason.BAD_TIMEOUT: 400,
    Reason.NOT_VERIFIED: 401,
    Reason.NOT_REGISTERED: 403,
    Reason.NOT_PERMITTED: 403,
    Reason.UNKNOWN_SYNAPSE: 404,
    Reason.BAD_METHOD: 405,
    Reason.SLOW_BODY: 408,
    Reason.TOO_LARGE: 413,
    Reason.BAD_BODY: 422,
    Reason.OVER_QUOTA: 429,
    Reason.HEADERS_TOO_LARGE: 431,
    Reason.BROKEN: 500,
    Reason.FULL: 503,
    Reason.NO_METAGRAPH: 503,
}
"""The one table from refusal to HTTP status. A test checks that no reason is missing."""


class Refusal(LogicnetError):
    """A request is turned away. `message` goes to the caller: it helps, and repeats nothing of theirs.

    `retry_after_s` is when asking again makes sense, where that is known.
    """

    def __init__(self, reason: Reason, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        return STATUS[self.reason]
