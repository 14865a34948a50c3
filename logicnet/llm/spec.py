"""What an operator says of one server."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a paid server may cost in a day (UTC): tokens read and written, or money.

    Prices are of a million tokens, in whatever currency `per_day` is; 0 to count tokens.
    """

    per_day: float
    price_in: float = 0.0
    price_out: float = 0.0
    money: bool = False

    def cost(self, read: int, written: int) -> float:
        """Of so many tokens, in the unit of `per_day`."""
        if not self.money:
            return float(read + written)
        return (read * self.price_in + written * self.price_out) / 1e6


@dataclass(frozen=True, slots=True)
class Spec:
    """One server. `limit` makes it a paid one, asked only where no other answers."""

    url: str
    model: str | None = None  # the server's first if None
    key: SecretStr | None = None
    weight: float = 1.0  # of two equally fast ones, the heavier gets more calls
    most_calls: int | None = None  # at once
    timeout_s: float | None = None  # the longest silence that is waited out
    limit: Limit | None = None
    router: bool = False  # it stands before several engines: worth asking again what it lost
