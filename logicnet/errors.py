"""All errors of this package.

    LogicnetError
    ├── SettingsError     a flag, variable or file is wrong: one line, exit status 2
    ├── Refusal           a request is refused: the axon's reply
    ├── ChainError        a call to the chain failed or timed out
    │   └── AxonRefused   the chain refused our axon's address (logicnet.chain)
    ├── ModelError        a model server refused or broke a request
    │   └── ModelAway     it cannot be reached
    ├── LedgerError       the ledger cannot be opened or read
    └── TuningError       a training job cannot be taken, run or read

A model failure while a challenge is solved is not raised: it is recorded, and the best answer so far is sent.
"""

from enum import StrEnum
from typing import Self


class LogicnetError(Exception):
    """The root. `str(error)` is one line: what is wrong and what to do."""


class SettingsError(LogicnetError):
    """A setting is missing, unknown or has a wrong value."""


class ChainError(LogicnetError):
    """A call to the chain failed or timed out."""


class ModelError(LogicnetError):
    """A model server refused or broke a request."""


class ModelAway(ModelError):
    """A model server cannot be reached."""


class LedgerError(LogicnetError):
    """The ledger cannot be opened, read or exported."""


class TuningError(LogicnetError):
    """A training job cannot be taken, run or read."""


class Reason(StrEnum):
    """Why a request was refused, as logs, metrics and the ledger count it; `status` is its HTTP status."""

    status: int

    def __new__(cls, word: str, status: int) -> Self:
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.status = status
        return reason

    MALFORMED = "malformed", 400
    BAD_TIMEOUT = "bad_timeout", 400
    NOT_VERIFIED = "not_verified", 401
    NOT_REGISTERED = "not_registered", 403
    NOT_PERMITTED = "not_permitted", 403
    UNKNOWN_SYNAPSE = "unknown_synapse", 404
    BAD_METHOD = "bad_method", 405
    SLOW_BODY = "slow_body", 408
    TOO_LARGE = "too_large", 413
    BAD_BODY = "bad_body", 422
    OVER_QUOTA = "over_quota", 429
    HEADERS_TOO_LARGE = "headers_too_large", 431
    BROKEN = "broken", 500
    FULL = "full", 503
    NO_METAGRAPH = "no_metagraph", 503


class Refusal(LogicnetError):
    """A request is refused. `message` goes to the caller; it quotes nothing of the request.

    `retry_after_s`: when a retry makes sense, if known.
    """

    def __init__(self, reason: Reason, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
