"""How long a caller waits, and what of that is ours."""

from __future__ import annotations

import math

from logicnet.deadline import TIMEOUT_CAP_S
from logicnet.errors import Reason, Refusal

LONGEST_S = 600.0
"""A caller who says more is mistaken about the unit. Up to here we take it, and use 64 s."""

SLOWEST_TRANSIT_S = 4.0
"""What a caller's clock can make us believe of time lost on the way here: the same 4 s that a nonce
is granted (bittensor 6 to 10)."""


def checked(timeout_s: float) -> float:
    """`timeout_s` if it can be meant, or Refusal BAD_TIMEOUT."""
    if not (math.isfinite(timeout_s) and 0 < timeout_s <= LONGEST_S):
        raise Refusal(
            Reason.BAD_TIMEOUT, f"The timeout must be a number of seconds above 0 and up to {LONGEST_S:g}."
        )
    return timeout_s


def parsed(value: str) -> float:
    """A timeout as Python writes a number of seconds, or Refusal BAD_TIMEOUT."""
    try:
        return checked(float(value if "_" not in value else "nan"))
    except ValueError:
        return checked(math.nan)


def usable_s(timeout_s: float, age_s: float) -> float:
    """Seconds from receipt for which the caller still waits, as far as we may believe it.

    `age_s` is how long ago the caller says it signed. Clocks differ, so at least half is left.
    """
    timeout_s = min(timeout_s, TIMEOUT_CAP_S)
    return timeout_s - min(max(age_s, 0.0), SLOWEST_TRANSIT_S, timeout_s / 2)
