"""Settings of one model server."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Limit:
    """The daily limit of a paid server (UTC): tokens, or money.

    Prices are per million tokens, in the currency of `per_day`; 0 to count tokens.
    """

    per_day: float
    price_in: float = 0.0
    price_out: float = 0.0
    money: bool = False

    def cost(self, read: int, written: int) -> float:
        """The cost in the unit of `per_day`."""
        if not self.money:
            return float(read + written)
        return (read * self.price_in + written * self.price_out) / 1e6


@dataclass(frozen=True, slots=True)
class Spec:
    """One server. With a `limit` it is a paid one, asked only if no other answers."""

    url: str
    model: str | None = None  # None: the server's first
    key: SecretStr | None = None
    weight: float = 1.0  # between equally fast servers, more weight gets more calls
    most_calls: int | None = None  # concurrent
    timeout_s: float | None = None  # the longest silence before another server is asked
    limit: Limit | None = None
    router: bool = False  # it fronts several engines, so a retry may reach another
