"""Intervals of shares."""

import math


def wilson(found: float, of: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval (Wilson 1927) of the share `found` of `of`, at least 1, as (low, high)."""
    share, square = found / of, z * z / of
    middle = share + square / 2
    half = math.sqrt(square) * math.sqrt(share * (1 - share) + square / 4)
    return (middle - half) / (1 + square), (middle + half) / (1 + square)
